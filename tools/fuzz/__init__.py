# SPDX-License-Identifier: MIT
"""Random command lines and damaged files: what must never happen does not."""
