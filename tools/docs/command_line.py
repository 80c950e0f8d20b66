# SPDX-License-Identifier: MIT
"""Write docs/command-line.md: ``python -m nbsim.tools.docs.command_line FILE``.

What nanoBragg.c does with an option is told here, so that the program itself does
not carry it.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from nbsim.options import GROUPS, OPTIONS, Option
from nbsim.options.command_line import DIRECTIONS, FIELDS, PIVOTS, SWITCHES

CLASSES = {
    "crystal": "Crystal",
    "beam": "Beam",
    "detector": "Detector",
    "goniometer": "Goniometer",
    "sampling": "Sampling",
}
#: What options stand for in Python that are not simply one field.
PYTHON = {
    "mat": "Crystal(A_matrix=nbsim.read_matrix(...))",
    "cell": "Crystal.cell",
    "misset": "Crystal.misset_deg",
    "N": "Crystal.Na, Nb, Nc",
    "samplesize": "Crystal.sample_x_mm, sample_y_mm, sample_z_mm",
    "hkl": "nbsim.read_hkl",
    "default_F": "StructureFactors.default_F",
    "dump": "nbsim.read_fdump, nbsim.write_fdump",
    "energy": "Beam(wavelength_A=12398.42 / energy_eV)",
    "divergence": "Beam.hdivrange_mrad, vdivrange_mrad",
    "divsteps": "Beam.hdivsteps, vdivsteps",
    "sourcefile": "Beam(sources=nbsim.read_sources(...))",
    "polar": "Beam.polarization",
    "detpixels": "Detector.detpixels_f, detpixels_s",
    "detsize": "Detector.detsize_f_mm, detsize_s_mm",
    "detector_abs": "Detector.abs_um",
    "img": "Detector.from_smv_header",
    "mask": "Detector.mask",
    "mosflm": "Detector.convention",
    "denzo": "Detector.convention",
    "adxv": "Detector.convention",
    "xds": "Detector.convention",
    "dials": "Detector.convention",
    "pivot": "Detector.pivot",
    "roi": "Detector.roi, or roi= of render",
    "seed": "seed of Simulation.noise",
    "nonoise": "do not call Simulation.noise",
    "floatfile": "Simulation.render, ndarray.tofile",
    "intfile": "Simulation.int_image, nbsim.write_smv",
    "noisefile": "Simulation.noise, nbsim.write_smv",
    "pgmfile": "Simulation.pgm_image, nbsim.write_pgm",
    "tifffile": "nbsim.write_tiff",
    "scale": "scale of Simulation.int_image",
    "pgmscale": "scale of Simulation.pgm_image",
    "adc": "adc_offset of Simulation.int_image and noise",
    "preview": "Simulation.preview, nbsim.write_png",
    "preview_noise": "Simulation.preview of Simulation.noise",
    "preview_scale": "scale of Simulation.preview",
    "preview_color": "color of Simulation.preview",
    "preview_rings": "rings of Simulation.preview",
    "show_config": "Simulation.resolved",
    "threads": "threads of Simulation.render",
    "device": "backend of Simulation.render",
    "precision": "precision of Simulation.render",
    "progress": "progress of Simulation.render",
    "trace_pixel": "Simulation.trace",
    "model": "Simulation.model",
}
NEW = "not an option of nanoBragg"
SAME = "the same"
CUSTOM = "also selects the CUSTOM convention"
PIVOT = "also sets `detector_pivot`, which only matters with CUSTOM"
#: Variable of nanoBragg.c, and what it does where that is not the same as here.
C_NOTES = {
    "mat": ("matfilename", "a missing file is taken for zeros; here it is an error"),
    "cell": (
        "a, b, c, alpha, beta, gamma",
        "with oblique angles the rendered cell is slightly off; model c has the same "
        "numbers (oddity 17)",
    ),
    "misset": (
        "misset",
        "`random` draws with a cap of 90 radians; the same here (oddity 7)",
    ),
    "N": ("Na, Nb, Nc", SAME),
    "Na": ("Na", SAME),
    "Nb": ("Nb", SAME),
    "Nc": ("Nc", SAME),
    "samplesize": ("sample_x, sample_y, sample_z", SAME),
    "sample_x": ("sample_x", SAME),
    "sample_y": ("sample_y", SAME),
    "sample_z": ("sample_z", SAME),
    "square_xtal": ("xtal_shape = SQUARE", SAME),
    "round_xtal": ("xtal_shape = ROUND", SAME),
    "gauss_xtal": ("xtal_shape = GAUSS", SAME),
    "tophat_spots": ("xtal_shape = TOPHAT", SAME),
    "fudge": ("fudge", SAME),
    "mosaic": ("mosaic_spread", SAME),
    "mosaic_domains": ("mosaic_domains", SAME),
    "density": ("density", "read and not used; here with a warning"),
    "MW": ("molecular_weight", "read and not used; here with a warning"),
    "hkl": ("hklfilename", "a bad line is skipped or misread; here it is an error"),
    "default_F": ("default_F", SAME),
    "dump": (
        "dumpfilename",
        "Fdump.bin of the working folder is used silently; here only when neither "
        "-hkl nor -default_F is given, and with a line that says so (oddity 13)",
    ),
    "interpolate": (
        "interpolate = 1",
        "switches itself off at the first evaluation outside the list, in an order "
        "that depends on threads; here always in raster order (oddity 5)",
    ),
    "nointerpolate": ("interpolate = 0", SAME),
    "stol": ("stolfilename", "read and not used; here with a warning"),
    "4stol": ("stolfilename", "read and not used; here with a warning"),
    "Q": ("stolfilename", "read and not used; here with a warning"),
    "stolout": ("stoloutfilename", "not used; here with a warning"),
    "lambda": ("lambda0", SAME),
    "energy": ("lambda0 = 12398.42 / E", SAME),
    "dispersion": ("dispersion", SAME),
    "dispsteps": ("dispsteps", SAME),
    "divergence": ("hdivrange, vdivrange", SAME),
    "hdivrange": ("hdivrange", SAME),
    "vdivrange": ("vdivrange", SAME),
    "hdivstep": ("hdivstep", SAME),
    "vdivstep": ("vdivstep", SAME),
    "hdivsteps": ("hdivsteps", SAME),
    "vdivsteps": ("vdivsteps", SAME),
    "divsteps": ("hdivsteps, vdivsteps", SAME),
    "round_div": ("round_div = 1", SAME),
    "square_div": ("round_div = 0", SAME),
    "sourcefile": (
        "sourcefilename",
        "the weight column is read and ignored, the wavelength column used; the same "
        "here (oddity 6)",
    ),
    "fluence": ("fluence", SAME),
    "flux": ("flux", SAME),
    "exposure": ("exposure", SAME),
    "beamsize": ("beamsize", SAME),
    "polar": (
        "polarization",
        "the default is 0, whatever its usage text says; the same here",
    ),
    "nopolar": ("nopolar = 1", SAME),
    "coherent": ("coherent", "read and not used; here with a warning"),
    "distance": ("distance", PIVOT),
    "close_distance": ("close_distance", PIVOT),
    "pixel": (
        "pixel_size",
        "every word that contains -pixel is taken for it; here only spellings of it",
    ),
    "detpixels": ("fpixels, spixels", SAME),
    "detpixels_f": ("fpixels", SAME),
    "detpixels_s": ("spixels", SAME),
    "detsize": ("detsize_f, detsize_s", SAME),
    "detsize_f": ("detsize_f", SAME),
    "detsize_s": ("detsize_s", SAME),
    "detector_abs": (
        "detector_mu",
        "inf or 0 also forgets a thickness given before it; the same here",
    ),
    "detector_thick": ("detector_thick", SAME),
    "detector_thicksteps": ("detector_thicksteps", SAME),
    "curved_det": (
        "curved_detector = 1",
        "ignored as the last word of the line; here always honoured (oddity 11)",
    ),
    "point_pixel": ("point_pixel = 1", SAME),
    "img": ("imginfilename", SAME),
    "mask": ("maskfilename", SAME),
    "mosflm": ("beam_convention = MOSFLM", SAME),
    "denzo": ("beam_convention = DENZO", SAME),
    "adxv": ("beam_convention = ADXV", SAME),
    "xds": ("beam_convention = XDS", SAME),
    "dials": ("beam_convention = DIALS", SAME),
    "Xbeam": ("Xbeam", PIVOT),
    "Ybeam": ("Ybeam", PIVOT),
    "Xclose": ("Xclose", PIVOT),
    "Yclose": ("Yclose", PIVOT),
    "ORGX": ("ORGX", PIVOT),
    "ORGY": ("ORGY", PIVOT),
    "pivot": (
        "detector_pivot",
        "every convention but CUSTOM overrules it, silently; here with a warning "
        "(oddity 9)",
    ),
    "fdet_vector": ("fdet_vector", CUSTOM),
    "sdet_vector": ("sdet_vector", CUSTOM),
    "odet_vector": ("odet_vector", CUSTOM),
    "beam_vector": ("beam_vector", CUSTOM),
    "polar_vector": ("polar_vector", CUSTOM),
    "spindle_axis": ("spindle_vector", CUSTOM),
    "twotheta_axis": (
        "twotheta_axis",
        "its first number is also taken for -twotheta; here it is not (oddity 16)",
    ),
    "pix0_vector": (
        "pix0_vector",
        "only selects CUSTOM, the value is computed anew; the same here, with a "
        "warning (oddity 8)",
    ),
    "pix0_vector_mm": (
        "pix0_vector",
        "taken for -pix0_vector, and as little used (oddity 8)",
    ),
    "phi": ("phi0", SAME),
    "osc": ("osc", SAME),
    "phistep": ("phistep", SAME),
    "phisteps": ("phisteps", SAME),
    "phi_carryover": (None, "what a one-thread run of nanoBragg does (oddity 1)"),
    "twotheta": ("detector_twotheta", PIVOT),
    "detector_rotx": ("detector_rotx", SAME),
    "detector_roty": ("detector_roty", SAME),
    "detector_rotz": ("detector_rotz", SAME),
    "oversample": ("oversample", SAME),
    "oversample_thick": (
        "oversample_thick = 1",
        "multiplies the running sum after every term; the same here (oddity 3)",
    ),
    "oversample_polar": (
        "oversample_polar = 1",
        "multiplies the running sum after every term; the same here (oddity 3)",
    ),
    "oversample_omega": (
        "oversample_omega = 1",
        "multiplies the running sum after every term; the same here (oddity 3)",
    ),
    "roi": ("roi_xmin, roi_xmax, roi_ymin, roi_ymax", SAME),
    "dmin": ("dmin", SAME),
    "water": ("water_size", SAME),
    "seed": (
        "seed",
        "stored with the opposite sign; nbsim prints both",
    ),
    "mosaic_seed": ("mosaic_seed", SAME),
    "misset_seed": (
        "misset_seed",
        "also taken for -misset, which undoes a -misset random before it; here it is "
        "not (oddity 16)",
    ),
    "nonoise": ("calculate_noise = 0", SAME),
    "floatfile": ("floatfilename", "raw floats whatever the name"),
    "intfile": ("intfilename", "SMV whatever the name"),
    "noisefile": ("noisefilename", "SMV whatever the name"),
    "pgmfile": ("pgmfilename", SAME),
    "nopgm": ("write_pgm = 0", SAME),
    "scale": ("intfile_scale", SAME),
    "pgmscale": ("pgm_scale", SAME),
    "adc": ("adc_offset", SAME),
    "printout": ("printout", SAME),
    "printout_pixel": ("printout_fpixel, printout_spixel", SAME),
    "progress": ("progress_meter = 1", "lines of per cent; here a bar on a terminal"),
    "noprogress": ("progress_meter = 0", SAME),
    "trace_pixel": (None, "rows as an instrumented nanoBragg prints them"),
}

HEAD = """\
# The command line

Every option of `nbsim`, made from the program's own table by
`python -m nbsim.tools.docs.command_line docs/command-line.md`; a test keeps this page
current. `nbsim -h` and `man nbsim` show the same options.

- Options may be written with one dash or two. Longer spellings of an option that
  nanoBragg accepts are accepted here: `-matrix` is `-mat`.
- Numbers such as `-1`, `-0.5`, `-1e-5` are arguments, never options.
- When an option is given twice, the last one counts.
- An unknown option is an error that names the nearest one. nanoBragg ignores it.
- **Python** names the field or call of the [Python API](python.md) behind an option.
- **C** names the variable of nanoBragg.c and what the program does with it. Oddities
  are listed in [physics.md](physics.md#the-oddities-of-the-c-program).
"""
IGNORED = """\
## Read and ignored

nanoBragg's README and usage text show these options, and the program never reads them.
nbsim warns and says what to use.

| option | use |
|---|---|
"""


def page() -> str:
    """Return the text of docs/command-line.md."""
    parts = [HEAD, _contents()]
    for title in GROUPS:
        parts.append(f"## {title}\n")
        parts += [
            _entry(option)
            for option in OPTIONS
            if option.group == title and not option.instead
        ]
    rows = [
        f"| `-{option.name}` | `{option.instead}` |\n"
        for option in OPTIONS
        if option.instead
    ]
    return "\n".join(parts) + "\n" + IGNORED + "".join(rows)


def _contents() -> str:
    links = [f"[{t}](#{t.lower().replace(' ', '-')})" for t in GROUPS]
    return " \u00b7 ".join(links) + "\n"


def _entry(option: Option) -> str:
    title = f"-{option.name} {option.metavar}".strip()
    lines = [f"### `{title}`\n", f"{option.help}\n", *_facts(option)]
    return "\n".join(lines) + "\n"


def _facts(option: Option) -> Iterator[str]:
    if option.aliases:
        yield "- also: " + ", ".join(f"`-{name}`" for name in option.aliases)
    if option.units:
        yield f"- unit: {option.units}"
    if option.default:
        yield f"- default: {option.default}"
    python = python_name(option.name)
    if python:
        yield f"- Python: `{python}`"
    yield f"- C: {c_note(option.name)}"


def python_name(name: str) -> str:
    """Return what an option stands for in the Python API, "" for none."""
    if name in PYTHON:
        return PYTHON[name]
    if name in FIELDS and FIELDS[name][0] in CLASSES:
        model, field = FIELDS[name]
        return f"{CLASSES[model]}.{field}"
    if name in SWITCHES and SWITCHES[name][0] in CLASSES:
        model, field, value = SWITCHES[name]
        return f"{CLASSES[model]}({field}={value!r})"
    if name in PIVOTS:
        return f"Detector.{PIVOTS[name][0]}"
    if name in DIRECTIONS:
        return f"{CLASSES[DIRECTIONS[name]]}.{name}"
    return ""


def c_note(name: str) -> str:
    """Return what nanoBragg.c does with an option."""
    variable, note = C_NOTES.get(name, (None, NEW))
    return note if variable is None else f"`{variable}`; {note}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
