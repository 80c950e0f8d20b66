# SPDX-License-Identifier: MIT
"""The ``nbsim`` command: exit statuses and one-sentence errors.

Nothing is imported before it is needed: ``nbsim -h`` must not wait for numba.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .._version import __version__
from ..errors import DeviceError, UsageError
from ..options import OptionError, parse
from .signals import end_on_signals
from .terminal import complain, prepare_streams, say, show_warning

FAILURE, USAGE, INTERRUPTED = 1, 2, 130

Events = list[tuple[str, tuple[Any, ...]]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit status.

    Parameters
    ----------
    argv
        The words after the program's name; None: those of this process.

    Returns
    -------
    int
        0; 1: a file or the computation failed; 2: the command line is wrong;
        130: interrupted from the keyboard.
    """
    return guarded(_run, sys.argv[1:] if argv is None else list(argv))


def guarded(run: Callable[[list[str]], None], words: list[str]) -> int:
    """Return the exit status of a program; what goes wrong becomes one sentence."""
    prepare_streams()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show_warning
            run(words)
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except (UsageError, OptionError) as error:
        complain(str(error))
        return USAGE
    except ValueError as error:  # not of the line: of a file, or of what came out
        complain(str(error))
        return FAILURE
    except MemoryError as error:
        complain(f"not enough memory: {error}" if str(error) else "not enough memory")
        return FAILURE
    except OSError as error:
        complain(_file_problem(error))
        return FAILURE
    except (DeviceError, ImportError) as error:
        complain(str(error))
        return FAILURE
    except Exception as error:  # a bug, but still no traceback for the user
        complain(_bug(error))
        return FAILURE
    return 0


def command() -> None:
    """Run the command line of this process, and end the process.

    Everything is written and closed by then. Python would take another half second
    to free what numba and LLVM have built up, so it is left to the system. Nor are
    cycles of objects searched for meanwhile: while numba compiles there are hundreds
    of thousands of objects, and hardly any garbage among them.
    """
    end_process(main)


def end_process(program: Callable[[], int]) -> None:
    """Run a program and end the process with its status; see `command`."""
    end_on_signals()
    gc.disable()
    status = program()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    if "mpi4py" in sys.modules:
        sys.exit(status)  # the other ranks wait to be told
    os._exit(status)


def _run(words: list[str]) -> None:
    events = parse(words)
    chosen = dict(events)
    if "help" in chosen:
        from ..options.help import build_parser

        say([build_parser(_own_name()).format_help().rstrip()])
    elif "version" in chosen:
        say([f"nbsim {__version__}"])
    else:
        _allow_threads(chosen)
        _start(words, events)


def _own_name() -> str:
    """Return the name in the help: scripts ask for that of the C program."""
    name = os.path.basename(sys.argv[0])
    return name if name.lower().startswith("nanobragg") else "nbsim"


def _start(words: list[str], events: Events) -> None:
    chosen = dict(events)
    if "example" in chosen:
        from .example import make_example

        make_example(events)
    elif "show_devices" in chosen:
        from .devices import show_devices

        show_devices(words, alone=chosen.keys() == {"show_devices"})
    elif "warm_cache" in chosen:
        from .warm_up import warm_cache

        warm_cache(lambda line: say([line]))
    elif "show_config" in chosen:
        from .show_config import show_config

        show_config(words, *chosen["show_config"])
    elif "batch" in chosen:
        from .batch import run_batch

        run_batch(words, *chosen["batch"])
    else:
        from .devices import check_device

        check_device(chosen)
        from .program import render

        render(words)


def _allow_threads(chosen: dict[str, tuple[Any, ...]]) -> None:
    """Let numba start as many threads as were asked for, even more than processors.

    Numba reads this once, when it is imported, and does not bear a later change.
    """
    if "threads" in chosen and "numba" not in sys.modules:
        most = max(*chosen["threads"], os.cpu_count() or 1)
        os.environ["NUMBA_NUM_THREADS"] = str(most)


def _file_problem(error: OSError) -> str:
    """Return what an error says, or, for the system's own, the same as a sentence."""
    if error.errno is None or error.strerror is None:
        return str(error)
    reason = error.strerror[:1].lower() + error.strerror[1:]
    return f"{error.filename}: {reason}" if error.filename else reason


def _bug(error: Exception) -> str:
    import traceback

    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(place.filename)}:{place.lineno}"
    return (
        f"internal error: {type(error).__name__}: {error} ({where}); please report it "
        "with the command line"
    )
