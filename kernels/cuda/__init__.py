# SPDX-License-Identifier: MIT
"""The kernels of CUDA devices: one thread owns one pixel."""
