# SPDX-License-Identifier: MIT
"""Models to the SI numbers of a run, with nothing left to choose."""
