# SPDX-License-Identifier: MIT
"""Random command lines of Gaussian and top-hat crystals, the same for a seed."""

import random


def hkl_text(seed):
    """Return a list of structure factors with holes."""
    rng = random.Random(seed)
    return "".join(
        f"{h} {k} {l} {rng.uniform(1, 100):.3f}\n"
        for h in range(-12, 13)
        for k in range(-10, 13)
        for l in range(-9, 10)
        if rng.random() < 0.6
    )


def crystal_words(rng, physical):
    size = rng.choice([15, 30, 60, 120])
    cell = [round(size * rng.uniform(0.5, 1.6), 3) for _ in range(3)]
    angles = [90, 90, 90]
    if rng.random() < 0.5:
        angles = [round(rng.uniform(65, 115), 2) for _ in range(3)]
    yield "-cell", *cell, *angles
    N = rng.choice([3, 5, 8, 12, 20, 40])
    yield "-Na", N, "-Nb", rng.choice([N, max(1, N // 2)]), "-Nc", N + rng.choice(
        [0, 3]
    )
    yield (rng.choice(["-gauss_xtal", "-gauss_xtal", "-tophat_spots"]),)
    kind = rng.random()
    # Spots of a crystal of that size, about; any other; the model's own.
    own = 1.0 if physical else ((cell[0] * cell[1] * cell[2]) ** (1 / 3) / N**2) ** 2
    if kind < 0.7:
        yield "-fudge", "%.4g" % (own * 10 ** rng.uniform(-0.5, 1.5))
    elif kind < 0.8:
        yield "-fudge", "%.4g" % 10 ** rng.uniform(-3, 1)
    yield "-misset", *(round(rng.uniform(-180, 180), 2) for _ in range(3))
    if rng.random() < 0.5:
        yield "-mosaic", round(10 ** rng.uniform(-1, 0.7), 3)
        yield "-mosaic_domains", rng.randint(2, 12), "-mosaic_seed", rng.randint(1, 99)


def detector_words(rng):
    yield "-detpixels_x", rng.choice([1, 7, 33, 64, 65, 90])
    yield "-detpixels_y", rng.choice([1, 17, 32, 48, 70])
    yield "-pixel", round(10 ** rng.uniform(-1.2, 0.3), 3)
    yield "-distance", round(10 ** rng.uniform(0.9, 2.3), 2)
    if rng.random() < 0.3:
        yield "-twotheta", round(rng.uniform(-30, 30), 2)
    elif rng.random() < 0.2:
        # About the crystal: about the beam it would turn behind it.
        yield "-xds", "-twotheta", round(rng.uniform(80, 170), 2)
    if rng.random() < 0.4:
        yield "-detector_rotx", round(rng.uniform(-30, 30), 2)
        yield "-detector_roty", round(rng.uniform(-30, 30), 2)
        yield "-detector_rotz", round(rng.uniform(-180, 180), 2)
    if rng.random() < 0.2:
        yield "-Xbeam", round(rng.uniform(-5, 20), 2), "-Ybeam", rng.randint(-5, 20)
    if rng.random() < 0.2:
        yield (rng.choice(["-mosflm", "-xds", "-adxv", "-denzo", "-dials"]),)
    if rng.random() < 0.25:
        yield "-detector_thick", 450, "-detector_abs", round(
            10 ** rng.uniform(1.5, 3.5)
        )
        if rng.random() < 0.6:
            yield "-detector_thicksteps", rng.randint(2, 4)
    if rng.random() < 0.1:
        yield ("-point_pixel",)


def run_words(rng, physical, hkl):
    yield "-lambda", round(rng.uniform(0.7, 2), 4)
    if rng.random() < 0.4:
        yield "-phi", rng.choice([0, 10]), "-osc", round(10 ** rng.uniform(-1, 0.7), 2)
        yield "-phisteps", rng.randint(1, 6)
    if rng.random() < 0.3:
        yield "-dispersion", round(rng.uniform(0.5, 6), 2), "-dispsteps", rng.randint(
            2, 5
        )
    if rng.random() < 0.3:
        yield "-hdivrange", round(rng.uniform(0.5, 5), 2), "-hdivsteps", rng.randint(
            2, 4
        )
        yield "-vdivrange", 1, "-vdivsteps", rng.randint(2, 3)
    yield "-oversample", rng.choice([1, 1, 1, 2, 3, 5])
    if rng.random() < 0.25:
        yield "-dmin", round(10 ** rng.uniform(0, 1), 2)
    if rng.random() < 0.15:
        yield "-water", rng.choice([1, 20])
    if rng.random() < 0.2:
        yield ("-nopolar",)
    elif rng.random() < 0.3:
        yield "-polar", round(rng.uniform(-1, 1), 2)
    if rng.random() < 0.2:
        yield "-fluence", "%.3g" % 10 ** rng.uniform(10, 35)
    if rng.random() < 0.4:
        yield "-hkl", hkl, "-default_F", rng.choice([0, 0, 7]), "-nointerpolate"
    else:
        yield "-default_F", rng.choice([100, 1, 1e4])
    if rng.random() < 0.2:
        yield "-precision", "single"
    if physical:
        yield "-model", "physical"
    elif rng.random() < 0.1:
        yield ("-phi_carryover",)


def words_of(rng, hkl):
    """Return a command line."""
    words = []
    physical = rng.random() < 0.35
    parts = (
        crystal_words(rng, physical),
        detector_words(rng),
        run_words(rng, physical, hkl),
    )
    for part in parts:
        for group in part:
            words += [str(word) for word in group]
    if rng.random() < 0.25:
        nx = int(words[words.index("-detpixels_x") + 1])
        ny = int(words[words.index("-detpixels_y") + 1])
        x0, y0 = rng.randrange(nx), rng.randrange(ny)
        one = rng.random() < 0.3
        x1 = x0 if one else rng.randrange(x0, nx)
        y1 = y0 if one else rng.randrange(y0, ny)
        words += ["-roi", *(str(n) for n in (x0, x1, y0, y1))]
    return words
