# SPDX-License-Identifier: MIT
"""Libraries that only some inputs and outputs need, loaded when they are needed."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import MissingLibraryError


def library(name: str, extra: str, what: str) -> Any:
    """Import an optional library.

    Parameters
    ----------
    name
        The module.
    extra
        The extra of nbsim that installs it.
    what
        What needs it, for the message: "-mtz".

    Raises
    ------
    MissingLibraryError
        Naming the command that installs it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if error.name not in (None, name, name.partition(".")[0]):
            raise  # it is there, something else is broken
        raise MissingLibraryError(
            f"{what} needs the library {name}: pip install 'nbsim[{extra}]'"
        ) from error
