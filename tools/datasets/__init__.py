# SPDX-License-Identifier: MIT
"""Checks of whole data sets with the programs that process them."""
