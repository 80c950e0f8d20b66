# SPDX-License-Identifier: MIT
"""Settings of the property tests."""

from hypothesis import settings

# The first example of a test may compile a kernel: no deadline. The examples are
# the same in every run, so that a failure can be repeated.
settings.register_profile("nbsim", deadline=None, derandomize=True)
settings.load_profile("nbsim")
