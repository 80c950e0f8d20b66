# SPDX-License-Identifier: MIT
"""Files made from the option table."""
