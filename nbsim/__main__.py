# SPDX-License-Identifier: MIT
"""``python -m nbsim`` is the command ``nbsim``."""

from .cli import command

if __name__ == "__main__":
    command()
