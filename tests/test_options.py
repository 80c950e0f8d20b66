# SPDX-License-Identifier: MIT
"""Reading of the command line: spellings, numbers, order, errors and the help text."""

import dataclasses
import inspect
import math
import re
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbsim import (
    Beam,
    Crystal,
    Detector,
    Goniometer,
    Sampling,
    Simulation,
    StructureFactors,
    read_expt,
    read_mtz,
    structure_factors_from_model,
)
from nbsim.command.outputs import PIXELS
from nbsim.errors import FileError
from nbsim.formats.registry import image_formats
from nbsim.model.detector_response import DetectorResponse
from nbsim.model.experiment import MODEL_CLASSES, Experiment
from nbsim.options import GROUPS, OPTIONS, OptionError, parse
from nbsim.options.collector import Collector
from nbsim.options.command_line import Output, misread_by_c, read_command_line
from nbsim.options.help import build_parser
from nbsim.options.schema import option as row
from nbsim.series.command import RUN_WORDS
from nbsim.series.outputs import SeriesOutputs

REAL_OPTIONS = [option for option in OPTIONS if not option.instead]


def a_value(argument):
    """Return a word that is a value of `argument`."""
    if argument.choices:
        return argument.choices[0]
    if argument.kind == "float":
        return "0.5" if argument.bounds.admit(0.5) else repr(argument.bounds.high)
    return {"text": "some.file", "int": "1"}[argument.kind]


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
            "-pixel -0.1: the pixel size must be a finite number of mm from 1e-06 to "
            "1e+07",
        ),
        (
            "--pixel_size big",
            "--pixel_size big: the pixel size must be a finite number of mm from "
            "1e-06 to 1e+07",
        ),
        (
            "-lambda nan",
            "-lambda nan: the wavelength must be a finite number of Angstrom from "
            "0.01 to 100",
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
            "-cell -10: the cell length b must be a finite number of Angstrom from "
            "1 to 100000",
        ),
        (
            "-polar 1.1",
            "-polar 1.1: the polarization factor must be a finite number from -1 to 1",
        ),
        (
            "-detector_abs nan",
            "-detector_abs nan: the attenuation depth must be a finite number of um, "
            "0 or not less than 1e-06 or inf",
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
            "from 1e-06 to 1e+07, and the next word is -N",
        ),
        (
            "-mat -odd.mat",
            "-mat: the matrix file is missing; it must be a file name, and the next "
            "word is -odd.mat (write ./-odd.mat if that is the name)",
        ),
        (
            "-cell -N 5",
            "-cell: the cell length a is missing; it must be a finite number of "
            "Angstrom from 1 to 100000, and the next word is -N",
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


#: For every number: the option (and which argument), values that are allowed, and
#: values that are not. Literal, so that a bound that is changed by mistake is noticed.
EDGES = """
N Na Nb Nc mosaic_domains dispsteps | 0 1 2147483647 | -1 0.5 nan inf
hdivsteps vdivsteps divsteps phisteps | 0 1 2147483647 | -1 0.5 nan inf
detector_thicksteps oversample | 0 1 2147483647 | -1 0.5 nan inf
detpixels detpixels_f detpixels_s | 1 2147483647 | 0 1.5 nan
threads | 1 1024 | 0 1025 nan
seed | -2147483647 0 2147483647 | 2147483648 -2147483648 0.5
mosaic_seed misset_seed | -2147483646 0 2147483646 | 2147483647 -2147483647 0.5
roi:0 roi:1 roi:2 roi:3 | -5 0 7 | 0.5 nan inf
printout_pixel:0 printout_pixel:1 trace_pixel:0 trace_pixel:1 | 0 9 | -1 0.5
samplesize sample_x sample_y sample_z | 0 100 | -1e-9 101 inf nan
ksol fprime:2 | 0 1e9 | -1e-9 inf nan
expt_index | 0 7 2147483647 | -1 0.5 nan
bsol add_B F_scale F000 fprime:1 | -1e9 0 1e9 | inf nan
fudge | 1e-12 1e12 | 0 -1 9e-13 1.1e12 inf nan
lambda | 0.01 100 | 0 -1 0.0099 100.1 inf nan
energy | 124 1e6 | 0 -1 123.9 1.24e6 inf nan
exposure | 1e-18 1e10 | 0 -1 9e-19 1.1e10 inf nan
distance close_distance pixel detsize detsize_f | 1e-6 1e7 | 0 -1 9e-7 1.1e7 inf nan
detsize_s beamsize | 1e-6 1e7 | 0 -1 9e-7 1.1e7 inf nan
density MW | 1e-9 1e9 | 0 -1 inf nan
preview_rings:0 preview_rings:5 | 0.01 1e5 | 0 -1 0.0099 1.1e5 inf nan
cell:0 cell:1 cell:2 | 1 1e5 | 0 -1 0.99 1.1e5 inf nan
saturation gain background_density background_MW | 1e-9 1e9 | 0 -1 inf nan
background:1 beamstop:0 | 1e-6 1e7 | 0 -1 inf nan
readout_noise flicker calibration psf_fwhm | 0 1e9 | -1e-9 inf nan
calib_seed | -2147483646 0 2147483646 | 2147483647 0.5 inf nan
psf_radius | -0.9 0 0.5 7.9 2000 1e9 | -1 -1e9 1.1e9 inf nan
bits | 16 32 | 16.5 inf nan
beamstop:1 | -999 0 999 | inf nan
cell:3 cell:4 cell:5 | 1e-3 179.9 | 0 180 -1 inf nan
mosaic | 0 360 | -0.1 360.1 inf nan
dispersion | 0 199.9 | -0.1 200 inf nan
divergence hdivrange vdivrange hdivstep vdivstep | 0 6300 | -1e-9 6301 inf nan
fluence | 0 1e60 | -1 1.1e60 inf nan
flux | 0 1e40 | -1 1.1e40 inf nan
water dmin osc phistep | 0 1e6 | -1 1.1e6 inf nan
detector_thick | 0 1e9 | -1 1.1e9 inf nan
scale pgmscale | 0 1e30 | -1 1.1e30 inf nan
detector_abs | 0 1e-6 1e9 inf | -1 9e-7 5e-324 -inf nan
polar | -1 0 1 | -1.01 1.01 inf nan
spot_cutoff | 0 1e-12 0.5 | -1e-9 0.51 inf nan
phi twotheta detector_rotx detector_roty detector_rotz | -999 0 999 | inf nan
misset:0 misset:1 misset:2 | -9 0 9 | inf nan
Xbeam Ybeam Xclose Yclose | -1e7 0 1e7 | -1.1e7 1.1e7 inf nan
ORGX ORGY | -1e10 0 1e10 | -1.1e10 inf nan
default_F | -1e30 0 1e30 | -1.1e30 inf nan
adc | -1e99 0 1e99 | inf nan
fdet_vector:0 sdet_vector:1 odet_vector:2 beam_vector:0 | -1 0 1 | inf nan
polar_vector:1 spindle_axis:2 twotheta_axis:0 | -1 0 1 | inf nan
pix0_vector:0 pix0_vector_mm:2 | -1 0 1 | inf nan
frames random_orientations frames_per_file | 1 10000000 | 0 10000001 1.5 nan
workers | 1 4096 | 0 4097 1.5 nan
"""
EDGE_CASES = [
    (*place.partition(":")[::2], inside.split(), outside.split())
    for places, inside, outside in (
        line.split("|") for line in EDGES.strip().splitlines()
    )
    for place in places.split()
]


def read_number(name, number, word):
    (option,) = (option for option in OPTIONS if option.name == name)
    words = [a_value(other) for other in option.arguments]
    words[number] = word
    return parse([f"-{name}", *words])[0][1][number]


@pytest.mark.parametrize("name, place, inside, outside", EDGE_CASES)
def test_bounds(name, place, inside, outside):
    number = int(place or 0)
    for word in inside:
        assert read_number(name, number, word) == float(word)
    for word in outside:
        with pytest.raises(OptionError, match=f"^-{name} {re.escape(word)}: .* must "):
            read_number(name, number, word)


def test_every_number_has_edges():
    numbers = {
        option.name
        for option in REAL_OPTIONS
        if any(argument.kind != "text" for argument in option.arguments)
    }
    assert numbers == {name for name, *_ in EDGE_CASES}


def test_python_has_the_bounds_of_the_command_line():
    makers = {"crystal": lambda **fields: Crystal(cell=70, **fields)}
    makers |= {"beam": Beam, "detector": Detector, "goniometer": Goniometer}
    makers |= {"response": DetectorResponse}
    makers |= {"sampling": Sampling, "structure_factors": StructureFactors}
    tried = 0
    for name, _, inside, outside in EDGE_CASES:
        (option,) = (option for option in OPTIONS if option.name == name)
        if len(option.arguments) > 1 or not option.targets[:1]:
            continue
        model, field = option.targets[0]
        if model not in makers:
            continue
        tried += 1
        whole = option.arguments[0].kind == "int"
        for word in inside:
            value = int(word) if whole else float(word)
            assert getattr(makers[model](**{field: value}), field) == value
        for word in outside:
            if word in ("2147483648", "-2147483648"):
                continue  # C's int is a bound of the command line alone
            value = int(word) if re.fullmatch("[+-]?[0-9]+", word) else float(word)
            with pytest.raises((TypeError, ValueError), match=f"^{field}"):
                makers[model](**{field: value})
    assert tried > 40


def test_rows_say_where_values_go():
    fields = {
        name: {field.name for field in dataclasses.fields(model)}
        for name, model in {**MODEL_CLASSES, "output": Output}.items()
    }
    fields["simulation"] = {"model"}
    fields["preset"] = {"name"}
    fields["geometry"] = set(inspect.signature(read_expt).parameters)
    fields["response"] = {field.name for field in dataclasses.fields(DetectorResponse)}
    fields["series"] = {field.name for field in dataclasses.fields(SeriesOutputs)}
    fields["series"] |= set(RUN_WORDS)
    fields["factors"] = {
        name
        for maker in (read_mtz, structure_factors_from_model)
        for name in inspect.signature(maker).parameters
    }
    for option in REAL_OPTIONS:
        ways = (option.targets, option.does, option.unused, option.action, option.also)
        assert any(ways), option.name
        if option.writes:
            assert option.writes[0] in PIXELS
            assert image_formats()[option.writes[1]].name == option.writes[1]
        for model, field, *_ in (*option.targets, *option.also):
            if model == "files":
                assert field == option.name
            else:
                assert field in fields[model], option.name


def test_names_in_conditions_are_options():
    names = {option.name for option in REAL_OPTIONS}
    for option in REAL_OPTIONS:
        assert {*option.needs, *option.overruled_by} <= names - {option.name}


CHANGES_NOTHING = re.compile(r"-(\w+) changes nothing .*")


@pytest.mark.parametrize(
    "line, warning",
    [
        *(
            (
                f"-{line}",
                f"-{line.split()[0]} changes nothing without -frames, -frame_table, "
                "-random_orientations, -nxfile, -cbffile, -truthfile, -truth_images or "
                "-xdsfile",
            )
            for line in ("workers 2", "resume", "executor pool", "frames_per_file 3")
        ),
        ("-trace_format jsonl", "-trace_format changes nothing without -trace_pixel"),
        ("-trace_format jsonl -trace_pixel 1 1", None),
        (
            "-preview_scale log",
            "-preview_scale changes nothing without -preview or -preview_noise",
        ),
        ("-preview_scale log -preview_noise a.png", None),
        ("-ORGX 5", "-ORGX changes nothing in the mosflm convention"),
        ("-Yclose 5 -adxv", "-Yclose changes nothing in the adxv convention"),
        ("-Xbeam 5 -xds", "-Xbeam changes nothing in the xds convention"),
        ("-Xclose 5 -dials", "-Xclose changes nothing in the dials convention"),
        ("-ORGX 5 -ORGY 5 -xds", None),
        ("-Xclose 5 -Yclose 5 -fdet_vector 0 0 1", None),
        (
            "-Xclose 5 -Xbeam 5 -fdet_vector 0 0 1",
            "-Xclose changes nothing beside -Xbeam",
        ),
        (
            "-hdivrange 1 -sourcefile {s}",
            "-hdivrange changes nothing beside -sourcefile",
        ),
        (
            "-dispsteps 3 -sourcefile {s}",
            "-dispsteps changes nothing beside -sourcefile",
        ),
        ("-dispsteps 3", "-dispsteps changes nothing without -dispersion"),
        ("-dispsteps 3 -dispersion 1", None),
        (
            "-square_div",
            "-square_div changes nothing without -divergence, -hdivrange, -vdivrange, "
            "-hdivstep, -vdivstep, -divsteps, -hdivsteps or -vdivsteps",
        ),
        ("-fluence 1e20 -flux 1e18", "-fluence changes nothing beside -flux"),
        ("-fluence 1e20 -flux 0", None),
        ("-exposure 2", "-exposure changes nothing without -flux"),
        ("-exposure 2 -flux 1e18", None),
        (
            "-beamsize 2",
            "-beamsize changes nothing without -flux, -samplesize, -sample_y or "
            "-sample_z",
        ),
        ("-polar 0.5 -nopolar", "-polar changes nothing beside -nopolar"),
        ("-nopolar -polar 0.5", None),
        ("-N 3 -xtalsize 0.001", "-N changes nothing beside the size of the crystal"),
        ("-N 3 -sample_x 0.001", None),
        ("-Nb 3 -sample_y 0.001", "-Nb changes nothing beside the size of the crystal"),
        (
            "-fudge 2",
            "-fudge changes nothing without -round_xtal, -gauss_xtal or -tophat_spots",
        ),
        ("-fudge 2 -round_xtal", None),
        (
            "-mosaic 1 -mosaic_domains 1",
            "-mosaic changes nothing with one domain, which is not turned",
        ),
        ("-misset_seed 5", "-misset_seed changes nothing without -misset random"),
        ("-misset_seed 5 -misset rand", None),
        ("-mosaic_seed 5", "-mosaic_seed changes nothing without -mosaic"),
        ("-seed 5", None),
        ("-seed 5 -nonoise", "-seed changes nothing with -nonoise"),
        ("-seed 5 -nonoise -misset random", None),
        (
            "-distance 50 -close_distance 60",
            "-distance changes nothing beside -close_distance",
        ),
        (
            "-detsize 50 -detpixels 60",
            "-detsize changes nothing beside the number of pixels",
        ),
        ("-detsize_f 50 -detpixels_s 60", None),
        ("-detector_abs 50", "-detector_abs changes nothing without -detector_thick"),
        (
            "-thicksteps 5",
            "-detector_thicksteps changes nothing without -detector_thick",
        ),
        (
            "-phisteps 5 -phistep 1",
            "-phisteps changes nothing beside -phistep without -osc",
        ),
        ("-phisteps 5 -phistep 1 -osc 5", None),
        ("-noisefile a.img -nonoise", "-noisefile changes nothing with -nonoise"),
        ("-pgmscale 2 -nopgm", "-pgmscale changes nothing with -nopgm"),
    ],
)
def test_an_option_that_changes_nothing_says_so(line, warning, tmp_path):
    (tmp_path / "s.txt").write_text("-10 0 0 1 1e-10\n")
    line = line.format(s=tmp_path / "s.txt")
    command = read_command_line(f"-cell 70 -default_F 1 {line}", Experiment)
    said = [w for w in command.warnings if CHANGES_NOTHING.fullmatch(w)]
    assert said == ([] if warning is None else [warning])


#: Options that say of some lines that they change nothing, with values to try.
CONDITIONAL = {
    **{name: "7.5" for name in ("Xbeam", "Ybeam", "Xclose", "Yclose", "ORGX", "ORGY")},
    **{
        name: ""
        for name in ("adxv", "denzo", "xds", "dials", "round_div", "square_div")
    },
    "fdet_vector": "0 0.1 1",
    "hdivrange": "3",
    "vdivsteps": "3",
    "dispersion": "2",
    "dispsteps": "3",
    "fluence": "1e20",
    "flux": "1e18",
    "exposure": "3",
    "beamsize": "0.0005",
    "polar": "0.5",
    "nopolar": "",
    "N": "4",
    "Nb": "5",
    "sample_x": "0.001",
    "sample_y": "0.001",
    "xtalsize": "0.0007",
    "fudge": "2",
    "gauss_xtal": "",
    "mosaic": "1",
    "mosaic_domains": "1",
    "mosaic_seed": "5",
    "misset": "random",
    "misset_seed": "5",
    "seed": "5",
    "nonoise": "",
    "noisefile": "a.img",
    "distance": "80",
    "close_distance": "90",
    "detsize": "51.2",
    "detpixels_f": "24",
    "detpixels_s": "20",
    "detector_abs": "200",
    "detector_thick": "300",
    "detector_thicksteps": "3",
    "phisteps": "4",
    "phistep": "0.5",
    "osc": "2",
    "pgmscale": "2",
    "nopgm": "",
}


def numbers_of_a_run(words):
    """Return what an image depends on, as text."""
    command = read_command_line(words, Simulation)
    setup, output = command.simulation.setup, command.output
    g = setup.geometry
    kept = (
        (g.pix0_vector, g.fdet_vector, g.sdet_vector, g.odet_vector, g.beam_vector),
        (g.polar_vector, g.fpixels, g.spixels, g.pixel_size),
        (setup.cell_vectors(False) + 0.0, setup.N_cells, setup.shape),
        setup.fudge if setup.shape != "square" else None,
        (setup.sources.positions, setup.sources.wavelengths, setup.flags),
        (setup.phi, setup.sensor.thick, setup.sensor.thicksteps, setup.oversample),
        setup.sensor.mu if setup.sensor.thick else None,
        (setup.polarization if not setup.flags.nopolar else None, setup.fluence),
        dataclasses.replace(output, seed=output.seed if output.noisefile else 0),
    )
    return repr(kept)


@given(st.lists(st.sampled_from(sorted(CONDITIONAL)), max_size=7, unique=True))
def test_what_is_said_to_change_nothing_changes_nothing(names):
    options = [[f"-{name}", *CONDITIONAL[name].split()] for name in names]
    start = "-cell 70 80 90 -default_F 1 -detpixels_f 30 -seed 3 -misset_seed 4".split()
    words = [*start, *(word for option in options for word in option)]
    for warning in read_command_line(words, Simulation).warnings:
        found = CHANGES_NOTHING.fullmatch(warning)
        if not found or found[1] not in names:
            continue
        fewer = [o for o in options if o[0] != f"-{found[1]}"]
        without = [*start, *(word for option in fewer for word in option)]
        assert numbers_of_a_run(words) == numbers_of_a_run(without), warning


def test_conditions_of_a_row():
    rows = {
        "needing": row("needing", "", needs=("a", "b", "c")),
        "overruled": row("overruled", "", overruled_by=("a",)),
        "odd": row("odd", "", idle=lambda words: f"with {len(words.given)}"),
    }
    words = Collector()
    assert words.idle(rows["needing"]) == "without -a, -b or -c"
    assert words.idle(rows["overruled"]) == ""
    words.given["a"] = ()
    assert words.idle(rows["needing"]) == ""
    assert words.idle(rows["overruled"]) == "beside -a"
    assert words.idle(rows["odd"]) == "with 1"


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


def test_importing_options_loads_nothing_heavy():
    program = (
        "import sys, nbsim.options\n"
        "assert not {'numpy', 'numba', 'tifffile'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert done.returncode == 0, done.stderr


def warnings_of(line):
    return read_command_line(
        f"-cell 70 -default_F 1 -nonoise {line}", Experiment
    ).warnings


@pytest.mark.parametrize(
    "line, said",
    [
        ("-twotheta 15 -twotheta_axis 0 1 0", "a two-theta of 0 degrees"),
        ("-twotheta_axis 1 0 0", "a two-theta of 1 degrees"),
        ("-twotheta_axis 0 1 0 -twotheta 15", None),
        ("-twotheta_axis 0 1 0", None),
        ("-misset random -misset_seed 7", "turns the crystal by 7 degrees"),
        ("-misset_seed 7 -misset random", None),
    ],
)
def test_what_nanobragg_reads_otherwise(line, said):
    found = [w for w in warnings_of(line) if w.startswith("nanoBragg takes ")]
    assert found == misread_by_c(line.split())
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


LENIENT = "-verbose -convention MOSFLM -N 36 47 29 -interpolate 0 -oversample_thick 0"


@pytest.mark.parametrize("line", [LENIENT, "-pivot SAMPLE", "-verbose"])
def test_lenient_skips_what_nanobragg_skips(line, monkeypatch):
    with pytest.raises(OptionError):
        parse(line.split())
    skipped = [v[0] for n, v in parse(["-lenient", *line.split()]) if n == "skipped"]
    monkeypatch.setenv("NBSIM_LENIENT", "1")
    (warning,) = warnings_of(line)
    assert warning == (
        f"skipped, as nanoBragg skips what it does not know: {' '.join(skipped)}"
    )


def test_lenient_keeps_what_it_understands():
    command = read_command_line(f"-cell 70 -default_F 1 -lenient {LENIENT}", Experiment)
    assert (command.simulation.crystal.Na, command.simulation.crystal.Nc) == (36, 36)
    assert command.simulation.sampling.interpolate is True
    assert "-verbose -convention MOSFLM 47 29 0 0" in command.warnings[0]
    with pytest.raises(OptionError, match="the number of unit cells must be"):
        parse(["-lenient", "-N", "many"])


def test_missing_matrix_beside_a_cell(tmp_path):
    path = tmp_path / "none.mat"
    (warning,) = warnings_of(f"-mat {path}")
    assert warning == (
        f"-mat {path}: there is no such file; the cell has its standard orientation, "
        "as in nanoBragg"
    )
    path.write_text("1 2 3")
    with pytest.raises(FileError, match="none.mat"):
        warnings_of(f"-mat {path}")


@pytest.mark.parametrize("name", ["nanoBragg", "nanobragg", "nanoBraggCUDA"])
def test_help_of_a_link_names_the_link(name, tmp_path):
    (tmp_path / name).symlink_to(Path(sys.executable).with_name("nbsim"))
    done = subprocess.run([tmp_path / name, "-help"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith(f"usage: {name} [-mat FILE]")


def test_help_satisfies_scripts_that_look_for_the_c_program():
    assert "usage: nanobragg" in build_parser().format_help().lower()
