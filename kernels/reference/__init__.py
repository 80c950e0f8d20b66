# SPDX-License-Identifier: MIT
"""Scalar formulas and one pixel in C's order: trace, fallback and yardstick."""
