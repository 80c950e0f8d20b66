# SPDX-License-Identifier: MIT
"""What a command line asks for, from start to end: render, print, write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..backends.protocol import Result
from ..options.command_line import CommandLine
from ..options.groups.series import MAKES_SERIES
from ..simulation import Simulation
from . import report
from .compiling import announced
from .dark import image_warning
from .estimate import long_run_warning
from .outputs import make_images, outputs_to_write, write_all
from .progress import standard_bar
from .terminal import note, say, warn
from .understand import of_the_line, understand
from .whole import add_to, on_host, stays


def render(words: Sequence[str]) -> None:
    """Render the image of a command line and write its files.

    Raises
    ------
    UsageError
        For a bad value on the line.
    OSError
        For a file that cannot be read or written.
    """
    command = understand(words)
    if any(name in command.given for name in MAKES_SERIES):
        from .series import make_series

        with of_the_line():
            make_series(command)
        return
    with of_the_line():
        plan = outputs_to_write(command)
        _warn_all((*plan.warnings, *_check_printed(command)))
    setup, output = command.simulation.setup, command.output
    on_processor = output.device in (None, "auto", "cpu")
    slow = long_run_warning(
        setup,
        output.threads,
        lit_fraction=float(on_processor),
        precision=output.precision,
        recorded=_printed_evaluations(command) if on_processor else 0.0,
        backgrounds=command.simulation.backgrounds,
    )
    _warn_all(filter(None, [slow]))
    say(report.before(command))
    _trace(command)
    result = _run(command)
    background = _add_backgrounds(command, result)
    there, result = result.image, on_host(result)
    _warn_all(report.render_warnings(command.simulation, result))
    if wrong := image_warning(command.simulation.setup, result.image):
        warn(wrong)
    if output.printout:
        from .printout import pixel_blocks

        for block in pixel_blocks(command, result):
            say(block)
    images = make_images(command, result, background, there)
    say(report.after(command, result, images))
    _warn_all(write_all(command, images, plan))


def _check_printed(command: CommandLine[Simulation]) -> list[str]:
    """Return the warnings of -printout; see `printout.check_pixel`."""
    if not command.output.printout and command.output.printout_pixel is None:
        return []
    from .printout import check_pixel

    return check_pixel(command)


def _printed_evaluations(command: CommandLine[Simulation]) -> float:
    """Return what is evaluated once more; see `printout.recorded_evaluations`."""
    if not command.output.printout:
        return 0.0
    from .printout import recorded_evaluations

    return recorded_evaluations(command)


def _trace(command: CommandLine[Simulation]) -> None:
    """Print the traces that have no file; a file's pixels are checked."""
    output = command.output
    if output.trace_pixels:
        from .trace_files import trace_rows

        with of_the_line():
            rows = trace_rows(
                command.simulation, output.trace_pixels, output.trace_format
            )
        if output.trace_file is None:
            for row in rows:
                say([row])


def _run(command: CommandLine[Simulation]) -> Result:
    output = command.output
    bar = standard_bar() if output.progress else None
    try:
        with announced(note):
            return command.simulation.run(
                sheet=True,
                backend=output.device,
                threads=output.threads,
                precision=output.precision,
                progress=bar,
                on_device=stays(output),
            )
    finally:
        if bar:
            bar.clear()


def _add_backgrounds(
    command: CommandLine[Simulation], result: Result
) -> np.ndarray | None:
    """Add the backgrounds to the image, one after the other, as float_add does.

    Returns
    -------
    ndarray or None
        Their sum.
    """
    if not command.simulation.backgrounds:
        return None
    total = np.zeros(result.image.shape, np.float32)
    bar = standard_bar() if command.output.progress else None
    with announced(note):
        images = command.simulation.background_images(
            threads=command.output.threads, progress=bar, sheet=True
        )
    if bar:
        bar.clear()
    for background in images:
        _warn_all(background.warnings)
        add_to(result.image, background.image)
        total += background.image
    return total


def _warn_all(messages: Iterable[str]) -> None:
    for message in messages:
        warn(message)
