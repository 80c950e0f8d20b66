# SPDX-License-Identifier: MIT
"""Series of frames: what differs from frame to frame, their files, and who works."""

from ..schema import Argument, Bounds, choice, file, group, number, option

#: A frame has some hundred bytes in the tables and in the manifest.
_MANY = Bounds(whole=True, low=1, high=10**7)
#: Options that make a command line a series, of one frame if nothing says how many.
MAKES_SERIES = (
    *("frames", "frame_table", "random_orientations", "nxfile", "cbffile"),
    *("truthfile", "truth_images", "xdsfile"),
)

OPTIONS = group(
    "Series",
    option(
        "frames",
        "Number of frames. Frame i covers phi + i osc to phi + (i + 1) osc, its phi "
        "steps are at the middle of their intervals, and its noise has the seed "
        "-seed + i; without -osc all are stills. nanoBragg's own files are not "
        "written, but those that are named. In names # stands for a digit of the "
        "frame's number, from 1.",
        number("FRAMES", "the number of frames", _MANY),
        sets=("series", "frames"),
        default="one image with nanoBragg's phi steps",
        prefixes=(),
        python="nbsim.Series",
    ),
    option(
        "frame_table",
        "CSV file with a row for each frame, whose columns are names of options: "
        "distance, lambda, N, mosaic, fluence, misset_x, misset_y, misset_z, ...; "
        "also scale_B (F is multiplied by exp(-B/4d^2)), seed, and frame, the number "
        "that seed and phi follow. With -random_orientations it is written.",
        file("the frame table", ".csv"),
        sets=("series", "frame_table"),
        prefixes=(),
        python="nbsim.read_frame_table, rows of nbsim.Series",
    ),
    option(
        "random_orientations",
        "As many stills of crystals turned at random, all orientations alike; they "
        "depend on -seed alone. With -frame_table the table is written, and "
        "without other files nothing else.",
        number("FRAMES", "the number of orientations", _MANY),
        sets=("series", "random_orientations"),
        prefixes=(),
        python="nbsim.random_orientations",
    ),
    option(
        "nxfile",
        "NXmx file (HDF5): NAME.nxs holds everything, NAME_master.h5 has data files "
        "beside it, as XDS wants them.",
        file("the NXmx file", ".nxs", ".h5"),
        sets=("series", "nxfile"),
        default="not written",
        prefixes=(),
        python="nbsim.write_series",
    ),
    option(
        "nxvalues",
        "What -nxfile holds: counts with noise as 32-bit whole numbers, or expected "
        "photons as floats (never in a master file: XDS misreads them).",
        choice("the values", "noise", "photons"),
        sets=("series", "nxvalues"),
        default="noise",
        prefixes=(),
        needs=("nxfile",),
        python="nbsim.write_series",
    ),
    option(
        "compression",
        "Compression of -nxfile.",
        choice("the compression", "bslz4", "gzip", "none"),
        sets=("series", "compression"),
        default="bslz4 if hdf5plugin is installed, else gzip, in a master file none",
        prefixes=(),
        needs=("nxfile",),
        python="nbsim.write_series",
    ),
    option(
        "frames_per_file",
        "Frames in a data file of NAME_master.h5; at most so many are one task.",
        number("FRAMES", "the number of frames in a file", _MANY),
        sets=("series", "frames_per_file"),
        default="100",
        prefixes=(),
        needs=MAKES_SERIES,
        python="nbsim.write_series",
    ),
    option(
        "cbffile",
        "miniCBF image of 32-bit counts for each frame, NAME_####.cbf. Its header "
        "holds only a detector across the beam.",
        file("the CBF image", ".cbf"),
        sets=("series", "cbffile"),
        default="not written",
        prefixes=(),
        python="nbsim.write_series",
    ),
    option(
        "smv_center",
        "Beam centre in the SMV headers of a series: as nanoBragg writes it, or so "
        "that DIALS finds the true one.",
        choice("the beam centre", "c", "dials"),
        sets=("series", "smv_center"),
        default="c",
        prefixes=(),
        needs=("noisefile",),
        python="nbsim.write_series",
    ),
    option(
        "xdsfile",
        "XDS.INP for the series.",
        file("the input of XDS", ".INP"),
        sets=("series", "xdsfile"),
        default="not written",
        prefixes=(),
        python="nbsim.write_series",
    ),
    option(
        "xds_lib",
        "Plugin that XDS reads NXmx files with (LIB), for -xdsfile.",
        file("the plugin", ".so", ".dylib"),
        sets=("series", "library"),
        prefixes=(),
        needs=("xdsfile",),
        python="nbsim.write_series",
    ),
    option(
        "truthfile",
        "Everything that is true about the series: configuration, orientation and "
        "cell of each frame, and h k l, F, position, phi, frame, partiality and "
        "expected photons of each reflection. HDF5 if the name ends in .h5, else JSON.",
        file("the truth file", ".h5", ".json"),
        sets=("series", "truthfile"),
        default="not written",
        prefixes=(),
        python="nbsim.write_series",
    ),
    option(
        "truth_images",
        "HDF5 file with h, k, l and wavelength of the strongest contribution to each "
        "pixel of each frame.",
        file("the truth images", ".h5"),
        sets=("series", "truth_images"),
        default="not written",
        prefixes=(),
        python="nbsim.write_series",
    ),
    option(
        "workers",
        "Processes that share the frames of a series. The files are the same for "
        "any number.",
        number(
            "WORKERS", "the number of workers", Bounds(whole=True, low=1, high=4096)
        ),
        sets=("series", "workers"),
        default="as many as processors and memory allow, or one per CUDA device",
        prefixes=(),
        needs=MAKES_SERIES,
        python="nbsim.write_series",
    ),
    option(
        "executor",
        "Who the workers are: processes of this machine, Dask's workers, or the ranks "
        "of mpiexec -n RANKS python -m mpi4py.futures -m nbsim ...",
        choice("the executor", "pool", "dask", "mpi"),
        sets=("series", "executor"),
        default="pool",
        prefixes=(),
        needs=MAKES_SERIES,
        python="nbsim.write_series",
    ),
    option(
        "scheduler",
        "Address of Dask's scheduler.",
        Argument("ADDRESS", "the scheduler", noun="an address such as tcp://host:8786"),
        sets=("series", "scheduler"),
        default="a cluster on this machine",
        prefixes=(),
        needs=("executor",),
        python="nbsim.write_series",
    ),
    option(
        "resume",
        "Go on with a series that was begun by the same command line: only what is "
        "missing or damaged is made.",
        sets=("series", "resume"),
        value=True,
        prefixes=(),
        needs=MAKES_SERIES,
        python="nbsim.write_series",
    ),
    option(
        "batch",
        "File with a command line in each row, which is added to this one: all are "
        "rendered by one process. Of nanoBragg's own files only those are written "
        "that are named.",
        file("the list of command lines", ".txt"),
        action=True,
        prefixes=(),
    ),
)
