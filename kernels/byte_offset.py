# SPDX-License-Identifier: MIT
"""CBF's byte-offset compression: differences of neighbours, in as few bytes as fit.

One byte for -127 to 127; 0x80 announces two, 0x8000 after it four bytes, little endian.
A difference of two 32-bit numbers can need 33 bits: then 0x80000000 announces eight.
"""

from .jit import serial


@serial
def byte_offset(pixels, out):
    """Compress.

    Parameters
    ----------
    pixels
        (n,) int32.
    out
        (7 n,) uint8 at least (15 n where differences exceed 32 bits); filled from the
        start.

    Returns
    -------
    int
        Bytes used.
    """
    place = 0
    before = 0
    for i in range(pixels.size):
        value = int(pixels[i])
        step = value - before
        before = value
        if -127 <= step <= 127:
            out[place] = step & 255
            place += 1
            continue
        out[place] = 0x80
        place += 1
        if -32767 <= step <= 32767:
            size = 2
        else:
            out[place] = 0x00
            out[place + 1] = 0x80
            place += 2
            if -2147483647 <= step <= 2147483647:
                size = 4
            else:
                out[place] = 0
                out[place + 1] = 0
                out[place + 2] = 0
                out[place + 3] = 0x80
                place += 4
                size = 8
        for k in range(size):
            out[place + k] = (step >> (8 * k)) & 255
        place += size
    return place
