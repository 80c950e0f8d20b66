# SPDX-License-Identifier: MIT
"""Whole data sets: many frames of one experiment, with what is true about them."""
