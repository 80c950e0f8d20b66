# SPDX-License-Identifier: MIT
"""``python -m nbsim``, and where the command ``nbsim`` begins."""

from .command.signals import end_on_signals


def command() -> None:
    """Run the command line of this process, and end the process."""
    end_on_signals()  # before anything is imported that takes time
    from .command.main import command

    command()


if __name__ == "__main__":
    command()
