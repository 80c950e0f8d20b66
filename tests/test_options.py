# SPDX-License-Identifier: MIT
"""Reading of the command line: spellings, numbers, order, errors and the help text."""

import math
import re
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nbsim.options
from nbsim.options import GROUPS, OPTIONS, OptionError, build_parser, parse

REAL_OPTIONS = [option for option in OPTIONS if not option.instead]


def a_value(argument):
    """Return a word that is a value of `argument`."""
    if argument.choices:
        return argument.choices[0]
    return {"text": "some.file", "int": "1", "float": "0.5"}[argument.kind]


# Canonical name and the spellings that nanoBragg.c's option loop takes for it: those of
# its usage text and README, and longer words that contain the name.
SPELLINGS = {
    "Na": "Na Nab",
    "N": "N",
    "mat": "mat matrix matfile",
    "cell": "cell cell_dimensions",
    "misset": "misset missets misset_angles",
    "misset_seed": "misset_seed misset_seeds",
    "mosaic": "mosaic mosaicity mosaici mosaic_spread mosaic_spr",
    "mosaic_domains": "mosaic_domains mosaic_dom mosaic_domain",
    "mosaic_seed": "mosaic_seed",
    "seed": "seed",
    "samplesize": "samplesize sample_size xtalsize xtal_size",
    "sample_x": "sample_x sample_thick sample_thickness xtal_x xtal_thick",
    "sample_y": "sample_y sample_width width xtal_y xtal_width",
    "sample_z": "sample_z sample_heigh sample_height height heigh xtal_z xtal_height",
    "density": "density sample_density sample_den",
    "MW": "MW molecular_weight molecule",
    "lambda": "lambda lambda0 wavelength wave",
    "energy": "energy energy_eV",
    "polar": "polar",
    "polar_vector": "polar_vector",
    "nopolar": "nopolar nopolarization",
    "distance": "distance distance_mm",
    "close_distance": "close_distance",
    "pixel": "pixel pixelsize pixel_size",
    "point_pixel": "point_pixel point_pixels",
    "detector_abs": "detector_abs detector_absorb detector_absorption",
    "detector_thick": "detector_thick",
    "detector_thicksteps": "detector_thicksteps thicksteps",
    "detsize": "detsize",
    "detsize_f": "detsize_f detsize_fast",
    "detsize_s": "detsize_s detsize_slow",
    "detpixels": "detpixels",
    "detpixels_f": "detpixels_f detpixels_x detpixels_fast",
    "detpixels_s": "detpixels_s detpixels_y detpixels_slow",
    "twotheta": "twotheta twotheta_angle",
    "twotheta_axis": "twotheta_axis",
    "spindle_axis": "spindle_axis",
    "pix0_vector": "pix0_vector",
    "pix0_vector_mm": "pix0_vector_mm",
    "oversample": "oversample",
    "oversample_thick": "oversample_thick oversample_thickness",
    "oversample_polar": "oversample_polar oversample_polarization",
    "oversample_omega": "oversample_omega",
    "hdivrange": "hdivrange",
    "hdivstep": "hdivstep",
    "hdivsteps": "hdivsteps",
    "vdivstep": "vdivstep",
    "vdivsteps": "vdivsteps",
    "divsteps": "divsteps",
    "divergence": "divergence",
    "phi": "phi",
    "phistep": "phistep",
    "phisteps": "phisteps",
    "osc": "osc osc_range",
    "stol": "stol",
    "4stol": "4stol",
    "Q": "Q",
    "stolout": "stolout stoloutfile",
    "floatfile": "floatfile floatimage",
    "intfile": "intfile intimage",
    "pgmfile": "pgmfile pgmimage",
    "noisefile": "noisefile noiseimage",
    "adc": "adc adcoffset adc_offset",
    "scale": "scale",
    "pgmscale": "pgmscale",
    "interpolate": "interpolate",
    "nointerpolate": "nointerpolate",
    "progress": "progress",
    "noprogress": "noprogress",
    "printout": "printout",
    "printout_pixel": "printout_pixel",
    "tophat_spots": "tophat_spots binary_spots",
    "help": "h help",
}


@pytest.mark.parametrize("dash", ["-", "--"])
@pytest.mark.parametrize(
    "name, spelling",
    [(name, word) for name, words in SPELLINGS.items() for word in words.split()],
)
def test_spellings(name, spelling, dash):
    (option,) = (option for option in OPTIONS if option.name == name)
    words = [a_value(argument) for argument in option.arguments]
    ((event, values),) = parse([dash + spelling, *words])
    assert event == name
    assert len(values) == len(option.arguments)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_spelling_of_the_table_is_its_own_option(option):
    words = [a_value(argument) for argument in option.arguments]
    for spelling in option.spellings:
        ((event, _),) = parse([f"-{spelling}", *words])
        assert event == ("ignored" if option.instead else option.name)


def test_no_spelling_or_prefix_stands_twice():
    spellings = [spelling for option in OPTIONS for spelling in option.spellings]
    starts = [start for option in OPTIONS for start in option.beginnings]
    assert len(set(spellings)) == len(spellings)
    assert len(set(starts)) == len(starts)


@pytest.mark.parametrize(
    "word",
    ["-Nx", "-phis", "-polarization", "-detector_thickness", "-mosaic_x", "-MWx"]
    + ["-stols", "-modeling", "-threads4", "-helpme", "-hdivstep_mrad", "-detpixels_z"],
)
def test_exact_options_take_no_longer_spelling(word):
    with pytest.raises(OptionError, match=f"^unknown option {word}; "):
        parse([word, "1"])


@pytest.mark.parametrize(
    "line, events",
    [
        ("-N 5", [("N", (5,))]),
        ("-N 10.0 -oversample 1e1", [("N", (10,)), ("oversample", (10,))]),
        ("-seed -7", [("seed", (-7,))]),
        ("-adc -1e-3", [("adc", (-1e-3,))]),
        ("-Xbeam -.5 -Ybeam +3", [("Xbeam", (-0.5,)), ("Ybeam", (3.0,))]),
        ("-beam_vector -1 -0.5 -1e-5", [("beam_vector", (-1.0, -0.5, -1e-5))]),
        ("-misset -1 2 -3", [("misset", (-1.0, 2.0, -3.0))]),
        ("-misset random -N 1", [("misset", ("random",)), ("N", (1,))]),
        ("-misset rand", [("misset", ("random",))]),
        ("-cell 78", [("cell", (78.0,))]),
        ("-cell 78 78 39 -N 2", [("cell", (78.0, 78.0, 39.0)), ("N", (2,))]),
        ("-cell 7 8 9 70 80 90", [("cell", (7.0, 8.0, 9.0, 70.0, 80.0, 90.0))]),
        ("-roi 0 10 -1 20", [("roi", (0, 10, -1, 20))]),
        ("-printout_pixel 3 4", [("printout_pixel", (3, 4))]),
        ("-detector_abs inf", [("detector_abs", (math.inf,))]),
        ("-detector_abs 500", [("detector_abs", (500.0,))]),
        ("-detector_abs 0", [("detector_abs", (0.0,))]),
        ("-curved_det", [("curved_det", ())]),
        ("-pivot beam", [("pivot", ("beam",))]),
        ("-hkl P1.hkl", [("hkl", ("P1.hkl",))]),
        ("-show_config", [("show_config", ())]),
        ("-show_config json", [("show_config", ("json",))]),
        ("-show_config -N 1", [("show_config", ()), ("N", (1,))]),
        ("-example", [("example", ())]),
        ("-example here", [("example", ("here",))]),
        ("-coherent", [("coherent", ())]),
        ("-polar -1 -nopolar", [("polar", (-1.0,)), ("nopolar", ())]),
        ("", []),
    ],
)
def test_values(line, events):
    found = parse(line.split())
    assert found == events
    types = [[type(value) for value in values] for _, values in found]
    assert types == [[type(value) for value in values] for _, values in events]


def test_order_and_repetitions_are_kept():
    line = "-distance 100 -twotheta 5 -xds -distance 200 -Xbeam 1 -mosflm"
    names = [name for name, _ in parse(line.split())]
    assert names == ["distance", "twotheta", "xds", "distance", "Xbeam", "mosflm"]


def test_misset_seed_and_twotheta_axis_are_not_their_shorter_selves():
    events = parse("-misset random -misset_seed 3 -twotheta_axis 0 1 0".split())
    assert events == [
        ("misset", ("random",)),
        ("misset_seed", (3,)),
        ("twotheta_axis", (0.0, 1.0, 0.0)),
    ]


def test_command_line_in_the_head_of_nanobragg_c():
    line = (
        "-mat A.mat -hkl P1.hkl -lambda 1 -dispersion 0.1 -dispstep 3 -distance 100 "
        "-detsize 100 -pixel 0.1 -hdiv 0.28 -hdivstep 0.02 -vdiv 0.28 -vdivstep 0.02 "
        "-fluence 1e24 -N 0 -water 0"
    )
    events = parse(line.split())
    assert [values for name, values in events if name == "ignored"] == [
        ("-dispstep", "-dispsteps"),
        ("-hdiv", "-hdivrange"),
        ("-vdiv", "-vdivrange"),
    ]
    assert ("hdivstep", (0.02,)) in events
    assert ("N", (0,)) in events


@pytest.mark.parametrize(
    "line, instead",
    [
        ("-source_distance 10", "-sourcefile"),
        ("-source_dist", "-sourcefile"),
        ("-detsize_x 100", "-detsize_f"),
        ("-detsize_y 100", "-detsize_s"),
        ("-xdet_vector 0 0 -1", "-fdet_vector"),
    ],
)
def test_ignored_options_take_their_numbers_along(line, instead):
    spelling = line.split()[0]
    assert parse([*line.split(), "-N", "1"]) == [
        ("ignored", (spelling, instead)),
        ("N", (1,)),
    ]


@pytest.mark.parametrize(
    "line, message",
    [
        (
            "-pixel -0.1",
            "-pixel -0.1: the pixel size must be a finite number of mm greater than 0",
        ),
        (
            "--pixel_size big",
            "--pixel_size big: the pixel size must be a finite number of mm greater "
            "than 0",
        ),
        (
            "-lambda nan",
            "-lambda nan: the wavelength must be a finite number of Angstrom greater "
            "than 0",
        ),
        ("-adc inf", "-adc inf: the zero level must be a finite number"),
        ("-adc 1_0", "-adc 1_0: the zero level must be a finite number"),
        ("-adc 1e999", "-adc 1e999: the zero level must be a finite number"),
        (
            "-N 2.5",
            "-N 2.5: the number of unit cells must be a whole number not less than 0",
        ),
        (
            "-N -1",
            "-N -1: the number of unit cells must be a whole number not less than 0",
        ),
        (
            "-seed 2147483648",
            "-seed 2147483648: the seed must not be larger than 2147483647 in size",
        ),
        (
            "-cell 10 10 10 180",
            "-cell 180: the cell angle alpha must be a finite number of degrees "
            "greater than 0 and less than 180",
        ),
        (
            "-cell 10 -10",
            "-cell -10: the cell length b must be a finite number of Angstrom greater "
            "than 0",
        ),
        (
            "-polar 1.1",
            "-polar 1.1: the polarization factor must be a finite number from -1 to 1",
        ),
        (
            "-detector_abs nan",
            "-detector_abs nan: the attenuation depth must be a finite number of um "
            "not less than 0 or inf",
        ),
        (
            "-misset here",
            "-misset here: the rotation about x must be a finite number of degrees, or "
            "random",
        ),
        ("-pivot centre", "-pivot centre: the pivot must be sample or beam"),
        ("-precision half", "-precision half: the precision must be double or single"),
        ("-show_config xml", "-show_config xml: the format must be text or json"),
        (
            "-detpixels 0",
            "-detpixels 0: the number of pixels must be a whole number not less than 1",
        ),
        (
            "-roi 1 2 3",
            "-roi: ymax is missing; it must be a whole number of pixels",
        ),
        (
            "-pixel -N 5",
            "-pixel: the pixel size is missing; it must be a finite number of mm "
            "greater than 0, and the next word is -N",
        ),
        (
            "-mat -odd.mat",
            "-mat: the matrix file is missing; it must be a file name, and the next "
            "word is -odd.mat (write ./-odd.mat if that is the name)",
        ),
        (
            "-cell -N 5",
            "-cell: the cell length a is missing; it must be a finite number of "
            "Angstrom greater than 0, and the next word is -N",
        ),
        ("-mozaic 1", "unknown option -mozaic; did you mean -mosaic?"),
        ("-na 1", "unknown option -na; did you mean -Na?"),
        ("-xyzzy", "unknown option -xyzzy; nbsim -h lists all options"),
        (
            "-pixel=0.1",
            "unknown option -pixel=0.1; write -pixel 0.1 as two words",
        ),
        ("-pixel0.1", "unknown option -pixel0.1; did you mean -pixel?"),
        (
            "-N 5 7",
            "unexpected word 7 after -N and its arguments: it belongs to no option",
        ),
        (
            "-N 5 -7",
            "unexpected word -7 after -N and its arguments: it belongs to no option",
        ),
        ("out.img", "unexpected word out.img at the start: it belongs to no option"),
        ("--", "unexpected word -- at the start: it belongs to no option"),
        ("pixel 0.1", "unexpected word pixel; did you mean -pixel?"),
    ],
)
def test_error_sentences(line, message):
    with pytest.raises(OptionError) as caught:
        parse(line.split())
    assert str(caught.value) == message


def test_empty_words_are_shown_in_quotes():
    with pytest.raises(OptionError, match="^-hkl '': the reflection file must be a"):
        parse(["-hkl", ""])
    with pytest.raises(OptionError, match="^unexpected word 'a b' at the start"):
        parse(["a b"])


def test_errors_are_value_errors():
    with pytest.raises(ValueError, match="unknown option"):
        parse(["-xyzzy"])


@pytest.mark.parametrize("word, name", [("-h", "help"), ("-version", "version")])
def test_help_and_version_win_over_errors(word, name):
    assert parse(["-pixel", "-1", "-xyzzy", "stray", word]) == [(name, ())]


LIMITED = [
    (option, number, argument)
    for option in REAL_OPTIONS
    for number, argument in enumerate(option.arguments)
    if argument.kind != "text"
]


@pytest.mark.parametrize(
    "option, number, argument",
    LIMITED,
    ids=[f"{option.name}-{argument.metavar}" for option, _, argument in LIMITED],
)
def test_bounds(option, number, argument):
    def read(value):
        words = [a_value(other) for other in option.arguments[:number]]
        words += [repr(value)]
        words += [a_value(other) for other in option.arguments[number + 1 :]]
        return parse([f"-{option.name}", *words])[0][1][number]

    for inside in (argument.low, argument.high):
        if math.isfinite(inside):
            assert read(inside) == inside
    outside = [argument.low - 1, argument.high + 1, argument.above, argument.below]
    outside = [value for value in outside if math.isfinite(value)] + [math.nan]
    for value in outside:
        with pytest.raises(OptionError, match=f"{argument.what} must be"):
            read(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_read_back(value):
    assert parse(["-adc", repr(value)]) == [("adc", (value,))]


@given(st.integers(-(2**31) + 1, 2**31 - 1))
def test_every_int_is_read_back(value):
    assert parse(["-seed", str(value)]) == [("seed", (value,))]


@given(st.lists(st.text(alphabet=string.printable, max_size=8), max_size=5))
def test_any_words_give_events_or_an_option_error(words):
    try:
        events = parse(words)
    except OptionError as error:
        assert str(error)
    else:
        names = {option.name for option in OPTIONS} | {"ignored"}
        assert {name for name, _ in events} <= names


def test_help_shows_every_option_with_unit_and_default():
    text = re.sub(r"\s+", " ", build_parser().format_help())
    for option in REAL_OPTIONS:
        for spelling in option.spellings:
            assert re.search(rf"[ ,]-{spelling}[ ,]", text), spelling
        assert option.full_help in text
    for group in GROUPS:
        if any(option.group == group for option in REAL_OPTIONS):
            assert f"{group}:" in text


def test_help_lines_fit_a_terminal():
    assert max(map(len, build_parser().format_help().splitlines())) <= 80


def test_help_names_the_program_examples_and_exit_status():
    text = build_parser().format_help()
    assert text.startswith("usage: nbsim ")
    assert "Exit status: 0" in text
    examples = re.findall(r"^    nbsim (.*)$", text, re.MULTILINE)
    assert len(examples) == 2
    for example in examples:
        assert parse(example.split())


def test_every_option_has_a_known_group_and_a_sentence():
    for option in REAL_OPTIONS:
        assert option.group in GROUPS
        assert option.help.endswith(".")


def test_options_alone_needs_only_the_standard_library():
    program = (
        "import runpy, sys\n"
        "options = runpy.run_path(sys.argv[1])\n"
        "assert options['build_parser']().prog == 'nbsim'\n"
        "assert options['parse'](['-N', '5']) == [('N', (5,))]\n"
        "heavy = {'numpy', 'numba', 'nbsim', 'tifffile'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    path = Path(nbsim.options.__file__)
    command = [sys.executable, "-S", "-I", "-c", program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_options_loads_nothing_heavy():
    program = (
        "import sys, nbsim.options\n"
        "assert not {'numpy', 'numba', 'tifffile'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert done.returncode == 0, done.stderr
