# SPDX-License-Identifier: MIT
"""Structure factors on a box of indices, from reflection files and atomic models."""
