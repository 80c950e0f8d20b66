# SPDX-License-Identifier: MIT
"""The table of machine code: kernels by generations of devices, and what follows."""

import dataclasses
import importlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from nbsim.backends.rates import ISSUED, WARP, double_lanes
from nbsim.tools.machine_code import kernels, sass

CAPABILITIES = ((7, 0), (8, 0), (8, 9), (9, 0), (10, 0), (12, 0))


#: 32-bit multiply-adds, extended precision ones too, of a multiprocessor in a cycle
#: (CUDA C++ Programming Guide, "Arithmetic Instructions"; 7.0 to 9.0 have the same).
PRODUCT_LANES = 64


@dataclasses.dataclass(frozen=True)
class Row:
    """What the compilers made of a kernel; see `sass.Loop` for the numbers of its loop.

    `registers` of a thread; bytes of `spills` and of `local` memory.
    """

    registers: int
    spills: int
    local: int
    evaluations: int = 0
    instructions: float = 0.0
    double: float = 0.0
    special: float = 0.0
    loads: float = 0.0
    branches: int = 0
    empty: float = 0.0
    products: float = 0.0


@dataclasses.dataclass(frozen=True)
class Card:
    """A device's published figures; boost clock in GHz."""

    name: str
    capability: tuple[int, int]
    processors: int
    clock_GHz: float


CARDS = (
    Card("H100 SXM", (9, 0), 132, 1.98),
    Card("H200", (9, 0), 132, 1.98),
    Card("A100", (8, 0), 108, 1.41),
    Card("RTX 4090", (8, 9), 128, 2.52),
)


def compile_ptx(*arguments: Any, **options: Any) -> Any:
    """Call `numba.cuda.compile`, which numba-cuda has and its own types hide."""
    from numba import cuda

    compiler: Any = cuda
    return compiler.compile(*arguments, **options)


def why_not() -> str | None:
    """Return what is missing for compiling, None where nothing is."""
    if os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0"):
        return "the simulator compiles nothing"
    if importlib.util.find_spec("numba_cuda") is None:
        return "numba-cuda is not installed"
    if ptxas() is None:
        return "there is no ptxas"
    from numba import float64

    try:
        compile_ptx(lambda x: x, (float64,), cc=(9, 0), output="ptx")
    except Exception as error:
        return f"numba's CUDA target does not compile ({error})"
    return None


def ptxas() -> str | None:
    """Return NVIDIA's assembler: that of the installed packages, else of the path."""
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations or () if spec else ():
        for found in sorted(Path(folder).glob("*/bin/ptxas")):
            return str(found)
    return shutil.which("ptxas")


def versions() -> dict[str, str]:
    """Return the versions of what compiles."""
    assembler = ptxas()
    assert assembler is not None
    said = subprocess.run([assembler, "--version"], capture_output=True, text=True)
    (number,) = re.findall(r"release (\S+),", said.stdout)
    return {
        "numba": importlib.metadata.version("numba"),
        "numba-cuda": importlib.metadata.version("numba-cuda"),
        "ptxas": number,
    }


def ptx_of(kernel: Any, arguments: tuple[Any, ...], capability: tuple[int, int]) -> str:
    """Return the PTX of a kernel for arguments like these."""
    import numba.cuda.dispatcher as dispatcher
    from numba import typeof

    # Functions that a kernel calls are compiled for "the current device".
    device = SimpleNamespace(compute_capability=capability)
    with mock.patch.object(dispatcher, "get_current_device", lambda: device):
        ptx, _ = compile_ptx(
            kernel.py_func,
            tuple(typeof(argument) for argument in arguments),
            device=False,
            cc=capability,
            output="ptx",
            abi="numba",
        )
    return ptx


def assemble(ptx: str, capability: tuple[int, int]) -> tuple[bytes, str]:
    """Return machine code, and what the assembler says about it.

    Raises
    ------
    RuntimeError
        When it refuses, for instance a generation that it does not know.
    """
    major, minor = capability
    assembler = ptxas()
    assert assembler is not None
    with tempfile.TemporaryDirectory() as folder:
        source, code = Path(folder, "kernel.ptx"), Path(folder, "kernel.cubin")
        source.write_text(ptx)
        words = [assembler, "-v", "-O3", f"-arch=sm_{major}{minor}"]
        ran = subprocess.run(
            [*words, str(source), "-o", str(code)], capture_output=True, text=True
        )
        if ran.returncode:
            raise RuntimeError(ran.stderr.strip())
        return code.read_bytes(), ran.stdout + ran.stderr


def row_of(ptx: str, capability: tuple[int, int], has_loop: bool = True) -> Row:
    """Return a row of the table."""
    code, said = assemble(ptx, capability)
    frames = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores", said)
    (registers,) = re.findall(r"Used (\d+) registers", said)
    row = Row(
        registers=int(registers),
        spills=sum(int(spilled) for _, spilled in frames),
        local=sum(int(frame) for frame, _ in frames),
    )
    if not has_loop:
        return row
    loop = sass.evaluation_loop(code, capability)
    return dataclasses.replace(row, **dataclasses.asdict(loop))


def rows(capability: tuple[int, int]) -> Iterator[tuple[str, Row]]:
    """Yield the rows of one generation."""
    for name, kernel, arguments in kernels.launches(capability):
        ptx = ptx_of(kernel, arguments, capability)
        yield name, row_of(ptx, capability, has_loop=name != kernels.IN_ORDER)


def predicted_ps(row: Row, card: Card) -> tuple[float, str]:
    """Return the time of an evaluation on a card, ps, and what sets it.

    The largest of three floors, with nothing waiting: a multiprocessor starts four
    instructions of 32 threads in a cycle, and has so many lanes for double precision
    and for products of whole numbers.
    """
    issue = (row.instructions + row.empty) / ISSUED
    double = row.double * WARP / double_lanes(card.capability)
    products = row.products * WARP / PRODUCT_LANES
    cycles, why = max(
        (issue, "issue"), (double, "double precision"), (products, "products")
    )
    return cycles / (WARP * card.processors * card.clock_GHz) * 1e3, why
