# SPDX-License-Identifier: MIT
"""The float image to what a detector or an eye sees."""
