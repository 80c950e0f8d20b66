# SPDX-License-Identifier: MIT
"""The fast loops of the processor: tiles of pixels as vector lanes."""
