# SPDX-License-Identifier: MIT
"""Pictures of images and of differences, as pixels of a PNG."""

import numpy as np

#: A picture is binned or magnified by a whole factor to lie between these, pixels.
SMALLEST, LARGEST = 384, 1024
#: Colours of the largest difference: nbsim below C, and above.
BELOW, ABOVE = (27, 108, 168), (209, 73, 91)

#: From black to white, for terminals.
CHARACTERS = " .:-=+*#%@"


def white_level(image: np.ndarray, percentile: float) -> float:
    """Return the value that is drawn white: a percentile of an image's pixels."""
    values = image[np.isfinite(image)]
    if not values.size:
        return 1.0
    # Where most pixels are dark the percentile may be 0: then the brightest one.
    level = float(np.percentile(values, percentile)) or float(values.max())
    return level if level > 0.0 else 1.0


def grey_picture(image: np.ndarray, white: float) -> np.ndarray:
    """Return (slow, fast) uint8: black for 0, white for `white`, square root scale."""
    return grey_levels(sized(image), white)


def grey_levels(image: np.ndarray, white: float) -> np.ndarray:
    """Return the same, pixel by pixel."""
    shown = np.nan_to_num(image, nan=0.0, posinf=np.inf, neginf=0.0)
    return np.rint(255.0 * np.sqrt(np.clip(shown / white, 0.0, 1.0))).astype(np.uint8)


def difference_picture(difference: np.ndarray, largest: float) -> np.ndarray:
    """Return (slow, fast, 3) uint8: white for 0, colours by sign, square root scale."""
    shown = sized(np.nan_to_num(difference, nan=0.0))
    fraction = np.clip(shown / (largest or 1.0), -1.0, 1.0)
    strength = np.sqrt(np.abs(fraction))[..., None]
    colour = np.where(fraction[..., None] < 0.0, BELOW, ABOVE)
    return np.rint(255.0 + strength * (colour - 255.0)).astype(np.uint8)


def character_lines(levels: np.ndarray, columns: int = 76) -> list[str]:
    """Return grey levels as lines of characters, which are twice as high as wide."""
    width = -(-levels.shape[1] // columns)
    lines = []
    for top in range(0, len(levels), 2 * width):
        band = levels[top : top + 2 * width].max(axis=0)
        line = np.maximum.reduceat(band, np.arange(0, band.size, width))
        lines.append("".join(CHARACTERS[int(n) * len(CHARACTERS) // 256] for n in line))
    return [line.rstrip() for line in lines]


def sized(image: np.ndarray) -> np.ndarray:
    """Return an image with as many pixels as a picture has.

    Of binned pixels the one farthest from 0 is kept, so that no spot is lost.
    """
    longest = max(image.shape)
    if longest < SMALLEST:
        factor = -(-SMALLEST // longest)
        return image.repeat(factor, axis=0).repeat(factor, axis=1)
    size = -(-longest // LARGEST)
    if size == 1:
        return image
    ends = [(0, -length % size) for length in image.shape]
    padded = np.pad(image, ends)
    rows, columns = padded.shape[0] // size, padded.shape[1] // size
    blocks = padded.reshape(rows, size, columns, size)
    top, bottom = blocks.max(axis=(1, 3)), blocks.min(axis=(1, 3))
    return np.where(-bottom > top, bottom, top)


def around(pixel: tuple[int, int], shape: tuple[int, int]) -> tuple[slice, slice]:
    """Return the 33 x 33 pixels around one, or what the image has of them."""
    slow, fast = (
        slice(max(centre - 16, 0), min(centre + 17, length))
        for centre, length in zip(pixel, shape)
    )
    return slow, fast


def lit_region(*images: np.ndarray) -> tuple[slice, slice]:
    """Return the smallest rectangle that holds every pixel that is not 0.

    A region of interest is most of the picture then, not a stamp in the dark.
    """
    lit = np.logical_or.reduce([image != 0.0 for image in images])
    if not lit.any():
        return slice(None), slice(None)
    slow, fast = (np.flatnonzero(lit.any(axis=axis)) for axis in (1, 0))
    return slice(slow[0], slow[-1] + 1), slice(fast[0], fast[-1] + 1)
