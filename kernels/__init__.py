# SPDX-License-Identifier: MIT
"""Numba kernels: the physics as scalar functions, and the loops over pixels.

Imports nothing of nbsim but itself. Machine code is kept by `machine_code`, function
by function: the caches of other libraries in the same process stay where they are.
"""
