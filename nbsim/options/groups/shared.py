# SPDX-License-Identifier: MIT
"""What several rows say alike."""

#: Side effects: model, field, value.
ABOUT_BEAM = (("detector", "implied_pivot", "beam"),)
ABOUT_SAMPLE = (("detector", "implied_pivot", "sample"),)
CUSTOM = (("detector", "convention", "custom"),)

#: What the C program does.
SETS_PIVOT = "also sets `detector_pivot`, which only matters with CUSTOM"
SETS_CUSTOM = "also selects the CUSTOM convention"
NOT_USED = "read and not used; here with a warning"
RUNNING = "multiplies the running sum after every term; the same here (oddity 3)"
