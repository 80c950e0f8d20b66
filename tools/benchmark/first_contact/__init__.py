# SPDX-License-Identifier: MIT
"""Everything about a CUDA device in one call, in the order of importance."""
