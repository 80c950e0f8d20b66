# SPDX-License-Identifier: MIT
"""Time and memory, beside the C program."""
