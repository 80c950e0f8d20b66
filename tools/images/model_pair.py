# SPDX-License-Identifier: MIT
"""One command line in both models: what C's mistakes do to somebody's experiment."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from nbsim import Simulation
from nbsim.options import find_option

#: Relative difference of a number from which on it is worth a line.
SAME = 1e-9
MODELS = ("c", "physical")


class Setting(NamedTuple):
    """A number or a word of the resolved run that the two models do not share."""

    name: str
    c: Any
    physical: Any

    @property
    def text(self) -> str:
        """As one line."""
        return f"{self.name}: {_text(self.c)} -> {_text(self.physical)}"


def words_of(model: str, words: Sequence[str]) -> list[str]:
    """Return a command line for a model; -phi_carryover is for model c only."""
    if model == "physical":
        words = [word for word in words if not _is_carryover(word)]
    return [*words, "-model", model]


def _is_carryover(word: str) -> bool:
    option = find_option(word[1:]) if word.startswith("-") else None
    return option is not None and option.name == "phi_carryover"


def differing_settings(words: Sequence[str]) -> list[Setting]:
    """Return what the models resolve differently, before the first pixel."""
    c, physical = (
        Simulation.from_args(words_of(model, words)).resolved() for model in MODELS
    )
    found = []
    pairs = zip(_sections(c), _sections(physical), strict=True)
    for (group, section), (_, others) in pairs:
        for name, value in section.items():
            other = others[name]
            if not _same(value, other) and _matters(name, c):
                found.append(Setting(f"{group} {name}", value, other))
    return found


def _sections(resolved: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every section by its name, and those of a list by their numbers."""
    for group, section in resolved.items():
        if isinstance(section, dict):
            yield group, section
            continue
        for number, part in enumerate(section):
            yield f"{group} {number}", part


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=SAME, abs_tol=SAME)
    return one == other


def _matters(name: str, resolved: dict[str, dict[str, Any]]) -> bool:
    """Whether a word about how something is done is about anything in this run."""
    beam, detector = resolved["beam"], resolved["detector"]
    layers = detector["sensor_layers"] if detector["sensor_thickness_um"] else 1
    subpixels = resolved["sampling"]["oversample"] ** 2
    return {
        "phi_steps_sampled_at": resolved["goniometer"]["phi_range_deg"] > 0.0,
        "sensor_layers_sampled_at": detector["sensor_thickness_um"] > 0.0,
        "source_weights_used": beam["sources"] > 1,
        "corrections": layers * subpixels * beam["sources"] > 1,
        "placed_by": False,
    }.get(name, True)


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(map(_text, value))
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def notes(words: Sequence[str]) -> Iterator[str]:
    """Yield what is to be said about the pair."""
    if any(map(_is_carryover, words)):
        yield "-phi_carryover is left out of model physical, which has no stale cell"
