# SPDX-License-Identifier: MIT
"""Options of the programs beside nbsim: nbsim-background and nbsim-noise."""
