# SPDX-License-Identifier: MIT
"""Reading lists of reflections, `h k l F` per line, from bytes in memory.

The kernels read the ordinary lines. Where a line is anything else (wrong, or a
number that needs more than 18 or 19 digits) they stop in front of it, and the caller
in Python reads or refuses that one line; so the rules for errors stand once,
in nbsim/formats/hkl.py.

Text must end with a line end: no loop inside a line looks for the end of memory.
"""

import numpy as np
from numba import njit

from .jit import entry

LARGEST_INDEX = 1_000_000_000  # as C's starting value of h_min

_TEN_TO = np.array([float(f"1e{power}") for power in range(23)])  # all exact
_EXACT_INTEGER = 1 << 53
_SAFE_DIGITS = 18  # so many always fit into an int64
_ROOM_FOR_DIGIT = 922_000_000_000_000_000  # below it, one more fits, too
_SPLITTER = 134217729.0  # 2**27 + 1, Veltkamp's constant for doubles
_DOUBT = 2.0**-50  # more than the relative error of the second term

_NEWLINE, _RETURN = 10, 13
_BANG, _HASH, _PLUS, _COMMA, _MINUS, _POINT = 33, 35, 43, 44, 45, 46
_ZERO, _SEMICOLON, _UPPER_E, _LOWER_E = 48, 59, 69, 101

# One bit per byte below 64: blank, comma, and the blanks of C except line ends.
_SEPARATORS = 1 << 32 | 1 << 44 | 1 << 9 | 1 << 11 | 1 << 12

REFLECTION, NOTHING, ODD = 0, 1, 2

# Without _nrt numba counts references to `text` at every call, atomically, although
# nothing here allocates: six times the reading time, more than all the rest.
# It is a private option of numba's; should it go, leave it out: only speed is lost.
NO_COUNTS = {"_nrt": False}
read_from_python = entry(**NO_COUNTS)
# Only called by the others: without what Python and C would need to call them.
INNER = {
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    **NO_COUNTS,
}
called = njit(**INNER)
inlined = njit(forceinline=True, **INNER)


@inlined
def byte_at(text, i):
    """Return one byte as a signed integer.

    The unsigned position spares numba's test for places counted from the end.
    """
    return int(text[np.uintp(i)])


@inlined
def is_line_end(byte):
    """Tell whether a byte ends a line; CR alone does too (old Mac files)."""
    return byte == _NEWLINE or byte == _RETURN


@inlined
def is_separator(byte):
    """Tell whether a byte may stand between two columns."""
    return byte < 64 and (_SEPARATORS >> byte) & 1 == 1


@inlined
def skip_separators(text, i):
    """Return the position of the next byte that is no separator."""
    while is_separator(byte_at(text, i)):
        i += 1
    return i


@inlined
def ends_column(byte):
    """Tell whether a column is over."""
    return is_separator(byte) or is_line_end(byte)


@inlined
def two_product(x, y):
    """Return x * y as a rounded product and its error, exactly (Dekker 1971)."""
    product = x * y
    carry = _SPLITTER * x
    x_high = carry - (carry - x)
    x_low = x - x_high
    carry = _SPLITTER * y
    y_high = carry - (carry - y)
    y_low = y - y_high
    error = x_low * y_low - (
        ((product - x_high * y_high) - x_low * y_high) - x_high * y_low
    )
    return product, error


@inlined
def scale_by_ten(digits, exponent):
    """Return digits * 10**exponent, correctly rounded, and whether that is certain.

    `digits` is an int64 from 0 to 9.22e18, `exponent` lies within -22 and 22. Up to
    2**53 both operands are exact and one operation rounds once (Clinger 1990).
    Above, the result is a sum of two doubles; it is certain when both ends of the
    second one's error interval round to the same sum (Ziv's test).
    """
    power = _TEN_TO[abs(exponent)]
    rounded = float(digits)
    if digits <= _EXACT_INTEGER:
        if exponent < 0:
            return rounded / power, True
        return rounded * power, True
    rest = float(digits - int(rounded))
    if exponent < 0:
        first = rounded / power
        product, error = two_product(first, power)
        second = (((rounded - product) - error) + rest) / power
    else:
        first, error = two_product(rounded, power)
        second = error + rest * power
    doubt = abs(second) * _DOUBT
    low = first + (second - doubt)
    high = first + (second + doubt)
    return low, low == high


@inlined
def read_digits(text, i, number):
    """Append the digits at `i` to a whole number. Returns it and the position.

    What does not fit into 64 bits is lost: the caller counts the digits.
    """
    digit = byte_at(text, i) - _ZERO
    while 0 <= digit <= 9:
        number = number * 10 + digit
        i += 1
        digit = byte_at(text, i) - _ZERO
    return number, i


@called
def read_long_mantissa(text, i):
    """Read what `read_mantissa` does where zeros at either end fill many places."""
    digits = 0
    exponent = 0
    point = False
    while True:
        byte = byte_at(text, i)
        digit = byte - _ZERO
        if 0 <= digit <= 9:
            if digits < _ROOM_FOR_DIGIT:
                digits = digits * 10 + digit
                exponent -= point
            elif digit:
                return digits, exponent, i, False
            else:
                exponent += not point
        elif byte == _POINT and not point:
            point = True
        else:
            return digits, exponent, i, True
        i += 1


@inlined
def read_mantissa(text, i):
    """Read digits and point: digits, exponent of ten, position, success."""
    first = i
    digits, i = read_digits(text, i, 0)
    count = i - first
    exponent = 0
    if byte_at(text, i) == _POINT:
        point = i
        digits, i = read_digits(text, i + 1, digits)
        exponent = point + 1 - i
        count -= exponent
    if count > _SAFE_DIGITS:
        return read_long_mantissa(text, first)
    return digits, exponent, i, count > 0


@called
def read_exponent(text, i):
    """Read what follows an `e`: the exponent, the position, success."""
    byte = byte_at(text, i)
    if byte == _PLUS or byte == _MINUS:
        i += 1
    exponent, end = read_digits(text, i, 0)
    if byte == _MINUS:
        exponent = -exponent
    return exponent, end, 0 < end - i < 5


@inlined
def read_column(text, i):
    """Read a decimal number: sign, digits, exponent of ten, position, success."""
    i = skip_separators(text, i)
    byte = byte_at(text, i)
    sign = -1.0 if byte == _MINUS else 1.0
    if byte == _PLUS or byte == _MINUS:
        i += 1
    digits, exponent, i, valid = read_mantissa(text, i)
    byte = byte_at(text, i)
    if valid and (byte == _LOWER_E or byte == _UPPER_E):
        power, i, valid = read_exponent(text, i + 1)
        exponent += power
        byte = byte_at(text, i)
    if digits == 0:
        exponent = 0
    return sign, digits, exponent, i, valid and ends_column(byte) and abs(exponent) < 23


@inlined
def read_index(text, i):
    """Read one Miller index. Returns it, the position, success."""
    start = skip_separators(text, i)
    byte = byte_at(text, start)
    i = start
    if byte == _PLUS or byte == _MINUS:
        i += 1
    first = i
    index, i = read_digits(text, i, 0)
    if byte == _MINUS:
        index = -index
    if 0 < i - first <= 9 and ends_column(byte_at(text, i)):
        return index, i, True
    return read_long_index(text, start)


@called
def read_long_index(text, i):
    """Read an index that is not written as a few digits, such as 3.0."""
    sign, digits, exponent, i, valid = read_column(text, i)
    if not valid:
        return 0, i, False
    value, certain = scale_by_ten(digits, exponent)
    if not certain or value > LARGEST_INDEX:
        return 0, i, False
    index = int(value)
    return int(sign) * index, i, index == value


@inlined
def read_indices(text, i):
    """Read the start of a line: what it is, h, k, l, the position behind them."""
    i = skip_separators(text, i)
    byte = byte_at(text, i)
    if is_line_end(byte) or byte == _HASH or byte == _BANG or byte == _SEMICOLON:
        return NOTHING, 0, 0, 0, i
    h, i, valid = read_index(text, i)
    if not valid:
        return ODD, 0, 0, 0, i
    k, i, valid = read_index(text, i)
    if not valid:
        return ODD, 0, 0, 0, i
    l, i, valid = read_index(text, i)  # noqa: E741
    if not valid:
        return ODD, 0, 0, 0, i
    return REFLECTION, h, k, l, i


@inlined
def next_line(text, i, stop):
    """Return where the line after the one at `i` begins."""
    while not is_line_end(byte_at(text, i)):
        i += 1
    if (
        i + 1 < stop
        and byte_at(text, i) == _RETURN
        and byte_at(text, i + 1) == _NEWLINE
    ):
        i += 1
    return i + 1


@read_from_python
def measure(text, i, stop, bounds, counts):
    """Find the box of indices that a list fills, and check every line.

    Parameters
    ----------
    text
        uint8 array: whole lines.
    i, stop
        Where to begin (the start of a line) and to end (behind a line end).
    bounds
        (6,) int64: h_min, h_max, k_min, k_max, l_min, l_max; updated.
    counts
        (2,) int64: lines, reflections; raised by what was read.

    Returns
    -------
    int
        `stop`, or the start of a line that these kernels cannot read.
    """
    h_min, h_max = bounds[0], bounds[1]
    k_min, k_max = bounds[2], bounds[3]
    l_min, l_max = bounds[4], bounds[5]
    lines = 0
    reflections = 0
    while i < stop:
        kind, h, k, l, end = read_indices(text, i)  # noqa: E741
        if kind == REFLECTION:
            _, _, _, end, valid = read_column(text, end)
            if not valid:
                break
            h_min, h_max = min(h_min, h), max(h_max, h)
            k_min, k_max = min(k_min, k), max(k_max, k)
            l_min, l_max = min(l_min, l), max(l_max, l)
            reflections += 1
        elif kind == ODD:
            break
        lines += 1
        i = next_line(text, end, stop)
    bounds[0], bounds[1], bounds[2] = h_min, h_max, k_min
    bounds[3], bounds[4], bounds[5] = k_max, l_min, l_max
    counts[0] += lines
    counts[1] += reflections
    return i


@read_from_python
def fill(text, i, stop, bounds, counts, grid):
    """Put the amplitudes of a list into its grid; of duplicates the last one stays.

    Parameters and result are those of `measure`, with the final `bounds`, and the
    grid: (h_range, k_range, l_range) float64. A line outside the box counts as one
    that cannot be read.
    """
    h_min, h_max = bounds[0], bounds[1]
    k_min, k_max = bounds[2], bounds[3]
    l_min, l_max = bounds[4], bounds[5]
    while i < stop:
        kind, h, k, l, end = read_indices(text, i)  # noqa: E741
        if kind == REFLECTION:
            sign, digits, exponent, end, valid = read_column(text, end)
            inside = h_min <= h <= h_max and k_min <= k <= k_max and l_min <= l <= l_max
            if not (valid and inside):
                return i
            F, certain = scale_by_ten(digits, exponent)
            if not certain:
                return i
            grid[np.uintp(h - h_min), np.uintp(k - k_min), np.uintp(l - l_min)] = (
                sign * F
            )
            counts[1] += 1
        elif kind == ODD:
            return i
        counts[0] += 1
        i = next_line(text, end, stop)
    return i
