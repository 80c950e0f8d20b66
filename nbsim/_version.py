# SPDX-License-Identifier: MIT
"""The one place where nbsim's version is written."""

__version__ = "0.1.0"
