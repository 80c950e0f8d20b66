# SPDX-License-Identifier: MIT
"""Regression tools: compare two programs number by number."""
