# SPDX-License-Identifier: MIT
"""Errors that end a run with one sentence instead of a traceback.

Bad values are plain ``ValueError`` (the command line answers status 2).
"""


class UsageError(ValueError):
    """The command line itself is wrong (exit status 2)."""


class FileError(OSError):
    """A file is missing, unreadable, malformed or cannot be written (exit status 1).

    The message names the file, the line where there is one, what was found
    and what is expected.
    """


class DeviceError(RuntimeError):
    """A CUDA device is missing, was not found, or failed (exit status 1)."""


class MissingLibraryError(OSError):
    """An optional library is not installed (exit status 1)."""


class SeriesError(OSError):
    """A series cannot be made or finished; what is whole is kept (exit status 1)."""
