# SPDX-License-Identifier: MIT
"""The command line: options, the run, its reports and its files."""
