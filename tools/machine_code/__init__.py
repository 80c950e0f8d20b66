# SPDX-License-Identifier: MIT
"""What the compilers make of the CUDA kernels, without a device."""
