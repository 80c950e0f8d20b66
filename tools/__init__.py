# SPDX-License-Identifier: MIT
"""Programs beside nbsim: comparison with the C program, benchmark, made documents."""
