# SPDX-License-Identifier: MIT
"""Traces of one pixel: written, read, compared, step by step."""
