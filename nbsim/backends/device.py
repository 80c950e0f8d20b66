# SPDX-License-Identifier: MIT
"""Where an image is rendered: the processor or CUDA devices, and what is missing."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..errors import DeviceError
from . import rates
from .simulator import simulated

ENVIRONMENT = "NBSIM_DEVICE"
REQUEST = re.compile(r"auto|cpu|cuda(:\d+(,\d+)*)?")
ALLOWED = "auto, cpu, cuda, cuda:N or cuda:N,M,..."
INSTALL = "pip install 'nbsim[cuda]'"


@dataclass(frozen=True)
class Request:
    """A device as the user wrote it, understood.

    Attributes
    ----------
    kind
        "auto", "cpu" or "cuda".
    indices
        CUDA devices that share the rows of an image.
    """

    kind: str
    indices: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class DeviceFacts:
    """What is known about one CUDA device; memory in bytes."""

    index: int
    name: str
    compute_capability: tuple[int, int]
    free_memory: float
    total_memory: float


def parse_device(text: str, written: str = "device") -> Request:
    """Understand "auto", "cpu", "cuda", "cuda:1" or "cuda:0,1".

    Parameters
    ----------
    text
        What the user wrote.
    written
        Where: the beginning of the error message.

    Raises
    ------
    ValueError
        For anything else.
    """
    if not isinstance(text, str) or not REQUEST.fullmatch(text):
        raise ValueError(f"{written} {text}: expected {ALLOWED}")
    kind, _, numbers = text.partition(":")
    if not numbers:
        return Request(kind)
    indices = tuple(int(number) for number in numbers.split(","))
    if len(set(indices)) < len(indices):
        raise ValueError(f"{written} {text}: a device can be named only once")
    return Request(kind, indices)


def requested(backend: str | None) -> Request:
    """Return what was asked for; None: the environment's NBSIM_DEVICE, else auto."""
    if backend is not None:
        return parse_device(backend, "device")
    text = os.environ.get(ENVIRONMENT, "")
    return parse_device(text, ENVIRONMENT) if text else Request("auto")


@dataclass(frozen=True)
class Choice:
    """Where an image is rendered, and why.

    Attributes
    ----------
    indices
        CUDA devices; none: the processor.
    processor_s, device_s
        How long it is expected to take, s; None where that was not worked out.
    why
        Why the other one was not chosen.
    """

    indices: tuple[int, ...]
    processor_s: float | None = None
    device_s: float | None = None
    why: str = "-device says so"


def choose(
    request: Request,
    evaluations: float,
    pixels: float = 0.0,
    processor_s: float | None = None,
    precision: str = "double",
    images: int = 1,
) -> Choice:
    """Return where to render an image.

    Parameters
    ----------
    request
        What was asked for.
    evaluations, pixels
        How many terms all images have, and pixels.
    processor_s
        How long the processor takes; None: `rates.seconds_on_processor`.
    precision
        Of the kernels.
    images
        How many there are: CUDA is started once for all of them.

    Raises
    ------
    DeviceError
        When CUDA was asked for and cannot be used; the message says what is missing.
    """
    if request.kind == "cpu":
        return Choice(())
    if request.kind == "cuda":
        check(request)
        return Choice(request.indices)
    if processor_s is None:
        processor_s = rates.seconds_on_processor(evaluations, None, precision)
    # Looking for a device starts CUDA: not for what is over sooner.
    started = "numba.cuda" in sys.modules
    if not started and processor_s <= rates.START_SECONDS:
        why = f"starting CUDA takes about {rates.START_SECONDS:g} s"
        return Choice((), processor_s, why=why)
    problem = cuda_problem()
    if problem is not None:
        return Choice((), processor_s, why=f"no CUDA device can be used: {problem}")
    speed = _speed(request.indices[0], precision)
    device_s = rates.seconds_on_device(evaluations, pixels, speed, started, images)
    if device_s < processor_s:
        return Choice(request.indices, processor_s, device_s, "it takes longer")
    return Choice((), processor_s, device_s, "it takes longer")


def _speed(index: int, precision: str) -> float:
    from numba import cuda

    with device_errors(index), cuda.gpus[index]:
        return rates.expected_speed(cuda, precision)


def check(request: Request) -> None:
    """Refuse CUDA devices that cannot be used, before any work is done for them.

    Raises
    ------
    DeviceError
        When CUDA was asked for and cannot be used; the message says what is missing.
    """
    if request.kind != "cuda":
        return
    problem = cuda_problem()
    if problem is not None:
        raise DeviceError(f"no CUDA device can be used: {problem}")
    count = len(_gpus())
    for index in request.indices:
        if index >= count:
            there = "only device 0" if count == 1 else f"devices 0 to {count - 1}"
            raise DeviceError(f"cuda:{index}: no such device; this machine has {there}")


def cuda_problem() -> str | None:
    """Return what is missing for CUDA, None when nothing is.

    Looks for the package and the driver before anything slow is imported.
    """
    if simulated():
        return None
    if importlib.util.find_spec("numba_cuda") is None:
        return f"the package numba-cuda is not installed ({INSTALL})"
    if not _driver_found():
        return "no NVIDIA driver is installed"
    try:
        count = len(_gpus())
    except Exception as error:  # whatever the driver's bindings raise
        if not from_cuda(error):
            raise
        return f"the NVIDIA driver does not answer ({first_line(error)})"
    return None if count else "the NVIDIA driver finds no device"


def _driver_found() -> bool:
    names = ["nvcuda.dll"] if sys.platform == "win32" else ["libcuda.so.1"]
    if os.path.isdir("/usr/lib/wsl/lib"):
        names.append("/usr/lib/wsl/lib/libcuda.so.1")
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def _gpus() -> Any:
    from numba import cuda

    return cuda.gpus


def cuda_devices() -> list[DeviceFacts]:
    """Return every CUDA device of this machine.

    Raises
    ------
    DeviceError
        When CUDA cannot be used; the message says what is missing.
    """
    problem = cuda_problem()
    if problem is not None:
        raise DeviceError(f"no CUDA device can be used: {problem}")
    return [describe(index) for index in range(len(_gpus()))]


def describe(index: int) -> DeviceFacts:
    """Return what is known about one device."""
    from numba import cuda

    with device_errors(index), cuda.gpus[index]:
        free, total = cuda.current_context().get_memory_info()
        if simulated():
            return DeviceFacts(index, "numba's CUDA simulator", (0, 0), free, total)
        device = cuda.get_current_device()
        name = device.name
        text = name.decode() if isinstance(name, bytes) else str(name)
        major, minor = device.compute_capability
        return DeviceFacts(index, text, (major, minor), free, total)


def device_lines() -> list[str]:
    """Return what -show_devices prints: one line per CUDA device.

    Raises
    ------
    DeviceError
        When CUDA cannot be used.
    """
    return [_line(device) for device in cuda_devices()]


def _line(device: DeviceFacts) -> str:
    major, minor = device.compute_capability
    gib = 2.0**30
    return (
        f"cuda:{device.index}  {device.name}, compute capability {major}.{minor}, "
        f"{device.total_memory / gib:.1f} GiB memory, {device.free_memory / gib:.1f} "
        "GiB free"
    )


def from_cuda(error: BaseException) -> bool:
    """Return whether an exception comes from numba's CUDA target or the driver."""
    return type(error).__module__.split(".")[0] in ("numba_cuda", "cuda") or (
        type(error).__module__.startswith("numba.cuda")
    )


def first_line(error: BaseException) -> str:
    """Return the first line of a message that says something, without a full stop."""
    lines = [line.strip(" .:") for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith("Error at driver")]
    return said[0] if said else type(error).__name__


@contextmanager
def device_errors(index: int) -> Iterator[None]:
    """Turn what CUDA raises inside the block into one sentence.

    Raises
    ------
    DeviceError
        Instead of the driver's or numba's own error.
    """
    try:
        yield
    except Exception as error:
        if not from_cuda(error):
            raise
        raise DeviceError(f"cuda:{index}: {_reason(str(error), error)}") from error


def _reason(text: str, error: Exception) -> str:
    if "OUT_OF_MEMORY" in text:
        return "out of device memory"
    if "UNSUPPORTED_PTX_VERSION" in text or "INSUFFICIENT_DRIVER" in text:
        return "the NVIDIA driver is older than the installed CUDA packages need"
    if any(word in text for word in ("DEVICE_UNAVAILABLE", "IS_LOST", "ECC")):
        return f"the device is lost or in use by others ({first_line(error)})"
    return f"the device failed ({first_line(error)})"
