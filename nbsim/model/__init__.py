# SPDX-License-Identifier: MIT
"""What a person describes: frozen dataclasses with their checks."""
