# SPDX-License-Identifier: MIT
"""``python -m nbsim`` is the command ``nbsim``."""

from .command.main import command

if __name__ == "__main__":
    command()
