# SPDX-License-Identifier: MIT
"""Machine code for processors that are not at hand, from what numba made for this."""

import functools
import re

import llvmlite.binding as llvm
import pytest

ARM = "aarch64-unknown-linux-gnu"
#: What numba says of the processor it compiles for. Attributes of functions stay.
TARGET = re.compile(r"^target (?:triple|datalayout) .*$", re.MULTILINE)
#: A name of LLVM's for an instruction of one kind of processor.
FOREIGN = re.compile(r"@llvm\.x86\.[\w.]+|asm (?:sideeffect )?\"")

#: What the code generator for x86 makes of numba's own counting of references, in the
#: text that it leaves behind. It was LLVM's general "atomicrmw sub".
COUNTED_DOWN = re.compile(r"((?:call|declare) i8 )@llvm\.x86\.atomic\.sub\.cc\.i64\(")


@functools.lru_cache(maxsize=None)
def _arm_machine():
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        target = llvm.Target.from_triple(ARM)
    except RuntimeError:
        pytest.skip("this LLVM makes no code for aarch64")
    return target.create_target_machine(cpu="generic", opt=3)


def arm_module(intermediate):
    """Return LLVM's intermediate code as that of an aarch64, checked to be general."""
    machine = _arm_machine()
    intermediate = COUNTED_DOWN.sub(r"\1@counted_down(", intermediate)
    # Only LLVM's own functions may have it.
    intermediate = re.sub(
        r"^(declare i8 @counted_down.*)$",
        lambda line: line[1].replace(" immarg", ""),
        intermediate,
        flags=re.MULTILINE,
    )
    assert not FOREIGN.findall(intermediate)
    assert re.search("^define ", intermediate, re.MULTILINE), "no function"
    module = llvm.parse_assembly(TARGET.sub("", intermediate))
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    module.verify()
    return module


def arm_assembly(intermediate):
    """Return the assembly of an aarch64 for LLVM's intermediate code."""
    return _arm_machine().emit_assembly(arm_module(intermediate))


def arm_object(intermediate):
    """Return the object code of an aarch64 for LLVM's intermediate code."""
    return _arm_machine().emit_object(arm_module(intermediate))
