# SPDX-License-Identifier: MIT
"""Resolved numbers to kernels to the float image."""
