# SPDX-License-Identifier: MIT
"""One pixel, every evaluation."""
