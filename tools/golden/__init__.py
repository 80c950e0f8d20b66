# SPDX-License-Identifier: MIT
"""The stored numbers of the C program: verified, added, described."""
