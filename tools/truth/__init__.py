# SPDX-License-Identifier: MIT
"""``nbsim-truth-compare``: what a processing program found, held against the truth."""
