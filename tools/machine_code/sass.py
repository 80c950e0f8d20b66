# SPDX-License-Identifier: MIT
"""Read the machine code of a CUDA kernel: its innermost loop, and what is in it.

From compute capability 7.0 on an instruction has 16 bytes, of which the lowest nine
bits say what it does. So much is enough here, and was compared with NVIDIA's
disassembler.
"""

import struct
from collections import Counter
from dataclasses import dataclass

SIZE = 16
OPERATION = 0x1FF
BRANCH = 0x147
DOUBLE = {0x28: "DMUL", 0x29: "DADD", 0x2A: "DSETP", 0x2B: "DFMA"}
#: Products of whole numbers that are wider than 32 bits: twice as slow as others.
PRODUCTS = {0x25: "IMAD.WIDE", 0x27: "IMAD.HI"}
#: Conversions to and from double precision go through the same slow unit.
CONVERSION = {0x110: "F2F", 0x111: "F2I", 0x112: "I2F"}
SPECIAL = 0x108
SHARED_LOAD, GLOBAL_LOAD = 0x184, 0x181
LOCAL = {0x183: "LDL", 0x187: "STL"}
#: What the assembler puts between others; on 12.0 four of them after each instruction
#: in double precision, which takes longer than they do.
NOTHING = 0x118
#: What makes threads of a warp take several ways, or wait for each other.
DIVERGENCE = {BRANCH, 0x141, 0x143, 0x144, 0x145, 0x148, 0x149, 0x14A, 0x14D, 0x150}
#: Bytes that a load moves, by its three bits of width.
WIDTHS = (1, 1, 2, 2, 4, 8, 16, 16)
#: Nine float64 of a rotated cell: what an evaluation reads from shared memory.
BYTES_PER_EVALUATION = 72


@dataclass(frozen=True)
class Loop:
    """The innermost loop of a fast kernel, for one evaluation.

    Attributes
    ----------
    evaluations
        How often the compiler unrolled it.
    instructions, double, special, loads
        Instructions of an evaluation: all that do something, in double precision, of
        the special function unit, reads of global memory.
    products
        Of the instructions of an evaluation, products of whole numbers wider than 32
        bits.
    empty
        Instructions of an evaluation that do nothing, but take their turn.
    branches
        Jumps and meeting points in the whole loop beside its own end.
    """

    evaluations: int
    instructions: float
    double: float
    special: float
    loads: float
    branches: int
    empty: float = 0.0
    products: float = 0.0


def text_sections(cubin: bytes) -> dict[str, bytes]:
    """Return the code of each function of an ELF file, by the name of its section."""
    (table,) = struct.unpack_from("<Q", cubin, 0x28)
    size, count, names = struct.unpack_from("<3H", cubin, 0x3A)
    rows = [
        struct.unpack_from("<IIQQQQ", cubin, table + n * size) for n in range(count)
    ]
    base = rows[names][4]
    found = {}
    for name, _, _, _, offset, length in rows:
        end = cubin.index(b"\0", base + name)
        text = cubin[base + name : end].decode("ascii", "replace")
        if text.startswith(".text."):
            found[text] = cubin[offset : offset + length]
    return found


def instructions(code: bytes) -> list[int]:
    """Return instructions as whole numbers of 128 bits."""
    whole = len(code) // SIZE * SIZE
    return [
        int.from_bytes(code[at : at + SIZE], "little") for at in range(0, whole, SIZE)
    ]


def jump(instruction: int, capability: tuple[int, int]) -> int:
    """Return how many bytes a branch goes on after its own end."""
    field = (instruction >> 34) & (2**48 - 1)
    bits = 48
    if capability >= (9, 0):
        field = field << 8 | (instruction >> 16) & 0xFF
        bits = 56
    if field >> (bits - 1):
        field -= 1 << bits
    return 4 * field


def loops(words: list[int], capability: tuple[int, int]) -> list[tuple[int, int]]:
    """Return first and last instruction of every loop."""
    found = []
    for last, word in enumerate(words):
        if word & OPERATION == BRANCH:
            first = last + 1 + jump(word, capability) // SIZE
            if 0 <= first < last:
                found.append((first, last))
    return found


def evaluation_loop(cubin: bytes, capability: tuple[int, int]) -> Loop:
    """Return the loop over orientations of a fast kernel.

    Raises
    ------
    ValueError
        When no loop reads whole rows of rotated cells.
    """
    best: tuple[int, int, list[int]] | None = None
    for code in text_sections(cubin).values():
        words = instructions(code)
        for first, last in loops(words, capability):
            body = words[first : last + 1]
            read = sum(map(_shared_bytes, body))
            whole = read >= BYTES_PER_EVALUATION and read % BYTES_PER_EVALUATION == 0
            if whole and (best is None or len(body) < len(best[2])):
                best = read, last, body
    if best is None:
        raise ValueError("no loop reads whole rows of rotated cells")
    read, _, body = best
    count = read // BYTES_PER_EVALUATION
    kinds = Counter(word & OPERATION for word in body)

    def each(*operations: int) -> float:
        return sum(kinds[operation] for operation in operations) / count

    return Loop(
        evaluations=count,
        instructions=(len(body) - kinds[NOTHING]) / count,
        double=each(*DOUBLE, *CONVERSION),
        special=each(SPECIAL),
        loads=each(GLOBAL_LOAD),
        branches=sum(kinds[operation] for operation in DIVERGENCE) - 1,
        empty=each(NOTHING),
        products=each(*PRODUCTS),
    )


def _shared_bytes(word: int) -> int:
    return WIDTHS[word >> 73 & 7] if word & OPERATION == SHARED_LOAD else 0
