# SPDX-License-Identifier: MIT
"""What a command line asks for, from start to end: render, print, write."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..backends import device, driver
from ..backends.protocol import Result
from ..errors import UsageError
from ..options.command_line import CommandLine, read_command_line
from ..options.groups.series import MAKES_SERIES
from ..simulation import Simulation
from ..threads import limited
from . import report
from .dark import image_warning
from .estimate import long_run_warning
from .outputs import make_images, outputs_to_write, write_all
from .printout import check_pixel, pixel_blocks
from .progress import standard_bar
from .show_config import config_lines
from .terminal import note, say, warn
from .trace_files import trace_rows
from .warm_up import announced


@contextlib.contextmanager
def _of_the_line() -> Iterator[None]:
    """Values that do not fit are the line's; what comes later is no usage error."""
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from error


def _understand(words: Sequence[str]) -> CommandLine[Simulation]:
    with _of_the_line():
        command = read_command_line(words, Simulation)
        setup = command.simulation.setup
    for warning in (*command.warnings, *setup.warnings):
        warn(warning)
    return command


def show_config(words: Sequence[str], style: str = "text") -> None:
    """Print what a command line amounts to, without rendering.

    Parameters
    ----------
    words
        The command line.
    style
        "text" or "json".
    """
    say(config_lines(_understand(words), style))


def show_devices(words: Sequence[str], alone: bool) -> None:
    """Print the CUDA devices of this machine, one on each line.

    Parameters
    ----------
    words
        The command line; what it would be rendered on is printed, too.
    alone
        Whether -show_devices is all that it says.

    Raises
    ------
    DeviceError
        When there is none that can be used, and nothing else to say.
    """
    if alone:
        say(device.device_lines())
        return
    command = _understand(words)
    simulation, output = command.simulation, command.output
    problem = device.cuda_problem()
    if problem is None:
        say(device.device_lines())
    with limited(output.threads), _of_the_line():
        choice = driver.choice_for(
            simulation.setup,
            simulation.detector.bounds,
            output.device,
            output.precision,
        )
    say(_choice_lines(choice))


def _choice_lines(choice: device.Choice) -> Iterator[str]:
    """Yield where a command line would be rendered, and why."""
    name = "cuda:" + ",".join(map(str, choice.indices)) if choice.indices else "cpu"
    yield f"would be rendered on {name}"
    if choice.processor_s is not None:
        yield f"  processor: about {choice.processor_s:.3g} s"
    if choice.device_s is not None:
        yield f"  device: about {choice.device_s:.3g} s, with what starts it"
    other = "the processor" if choice.indices else "a device"
    yield f"  not {other}: {choice.why}"


def check_device(chosen: Mapping[str, tuple[Any, ...]]) -> None:
    """Refuse a device that is not there, before any file is read.

    Parameters
    ----------
    chosen
        The options on the line.

    Raises
    ------
    DeviceError
        When CUDA is asked for and cannot be used.
    """
    with _of_the_line():
        if "device" in chosen:
            (word,) = chosen["device"]
            request = device.parse_device(word, "-device")
        else:
            request = device.requested(None)
    device.check(request)


def render(words: Sequence[str]) -> None:
    """Render the image of a command line and write its files.

    Raises
    ------
    UsageError
        For a bad value on the line.
    OSError
        For a file that cannot be read or written.
    """
    command = _understand(words)
    if any(name in command.given for name in MAKES_SERIES):
        from .series import make_series

        with _of_the_line():
            make_series(command)
        return
    with _of_the_line():
        plan = outputs_to_write(command)
        _warn_all((*plan.warnings, *check_pixel(command)))
    setup, output = command.simulation.setup, command.output
    if output.device in (None, "auto", "cpu"):
        _warn_all(filter(None, [long_run_warning(setup, output.threads)]))
    say(report.before(command))
    _trace(command)
    result = _run(command)
    background = _add_backgrounds(command, result)
    _warn_all(report.render_warnings(command.simulation, result))
    if wrong := image_warning(command.simulation.setup, result.image):
        warn(wrong)
    for block in pixel_blocks(command, result):
        say(block)
    images = make_images(command, result, background)
    say(report.after(command, result, images))
    _warn_all(write_all(command, images, plan))


def _trace(command: CommandLine[Simulation]) -> None:
    """Print the traces that have no file; a file's pixels are checked."""
    output = command.output
    if output.trace_pixels:
        with _of_the_line():
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
    total = np.zeros_like(result.image)
    bar = standard_bar() if command.output.progress else None
    with announced(note):
        images = command.simulation.background_images(
            threads=command.output.threads, progress=bar, sheet=True
        )
    if bar:
        bar.clear()
    for background in images:
        _warn_all(background.warnings)
        np.add(result.image, background.image, out=result.image)
        total += background.image
    return total


def _warn_all(messages: Iterable[str]) -> None:
    for message in messages:
        warn(message)
