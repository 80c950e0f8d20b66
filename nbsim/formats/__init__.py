# SPDX-License-Identifier: MIT
"""Files: one module per format, which reads and writes it."""
