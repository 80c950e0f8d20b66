# SPDX-License-Identifier: MIT
"""The devices of this machine: which there are, and what a line would use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..backends import device
from ..threads import limited
from .terminal import say
from .understand import of_the_line, understand


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
    from ..backends import driver
    from ..series.command import frames_of

    command = understand(words)
    simulation, output = command.simulation, command.output
    problem = device.cuda_problem()
    if problem is None:
        say(device.device_lines())
    with limited(output.threads), of_the_line():
        choice = driver.choice_for(
            simulation.setup,
            simulation.detector.bounds,
            output.device,
            output.precision,
            frames_of(command),
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
    with of_the_line():
        if "device" in chosen:
            (word,) = chosen["device"]
            request = device.parse_device(word, "-device")
        else:
            request = device.requested(None)
    device.check(request)
