# SPDX-License-Identifier: MIT
"""Digits and units as pixels, for the labels of a preview."""

import numpy as np

#: Rows of five pixels from the top; two rows above the digits carry the ring.
_GLYPHS = {
    "0": "----- ----- -###- #---# #--## #-#-# ##--# #---# -###-",
    "1": "----- ----- --#-- -##-- --#-- --#-- --#-- --#-- -###-",
    "2": "----- ----- -###- #---# ----# ---#- --#-- -#--- #####",
    "3": "----- ----- -###- #---# ----# --##- ----# #---# -###-",
    "4": "----- ----- ---#- --##- -#-#- #--#- ##### ---#- ---#-",
    "5": "----- ----- ##### #---- ####- ----# ----# #---# -###-",
    "6": "----- ----- -###- #---- #---- ####- #---# #---# -###-",
    "7": "----- ----- ##### ----# ---#- --#-- -#--- -#--- -#---",
    "8": "----- ----- -###- #---# #---# -###- #---# #---# -###-",
    "9": "----- ----- -###- #---# #---# -#### ----# ----# -###-",
    ".": "----- ----- ----- ----- ----- ----- ----- -##-- -##--",
    " ": "----- ----- ----- ----- ----- ----- ----- ----- -----",
    "\u00c5": "--#-- -#-#- --#-- -#-#- -#-#- #---# ##### #---# #---#",
}
HEIGHT = 9


def text_pixels(text: str) -> np.ndarray:
    """Return (9, 6 * letters - 1) bool: the pixels of digits, point, blank and unit."""
    letters = [
        np.array([[mark == "#" for mark in row] for row in _GLYPHS[letter].split()])
        for letter in text
    ]
    gap = np.zeros((HEIGHT, 1), bool)
    columns = [part for letter in letters for part in (letter, gap)]
    return np.hstack(columns[:-1])
