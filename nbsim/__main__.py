# SPDX-License-Identifier: MIT
"""``python -m nbsim`` is the command ``nbsim``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
