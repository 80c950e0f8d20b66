# SPDX-License-Identifier: MIT
"""Two images compared: figures, pictures, report."""
