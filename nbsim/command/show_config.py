# SPDX-License-Identifier: MIT
"""``-show_config``: every number as the run will use it, as text or as JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..options.groups.series import MAKES_SERIES
from ..resolve.plain_data import Section, resolved_models
from .show_response import background_sections, response_section
from .terminal import say
from .understand import understand

if TYPE_CHECKING:
    from ..options.command_line import CommandLine
    from ..simulation import Simulation

#: Column of the values in the text.
NAME_WIDTH = 28
#: Longer lists are cut short there.
MOST_ITEMS = 12


def show_config(words: Sequence[str], style: str = "text") -> None:
    """Print what a command line amounts to, without rendering.

    Parameters
    ----------
    words
        The command line.
    style
        "text" or "json".
    """
    say(config_lines(understand(words), style))


def resolved_config(command: CommandLine[Simulation]) -> dict[str, Any]:
    """Return all parameters by group; names end in their unit, angles are degrees.

    None stands for "not used" and "automatic", vectors are lists of three.
    """
    models = {
        **resolved_models(command.simulation, command.simulation.setup),
        **background_sections(command.simulation),
        **response_section(command),
    }
    if not any(name in command.given for name in MAKES_SERIES):
        return {"run": _run(command), **models, "output": _output(command)}
    from .series_config import series_section

    section = series_section(command)
    models["goniometer"]["phi_steps_sampled_at"] = section["phi_steps_sampled_at"]
    # A series writes none of C's files by itself.
    output = {
        name: value if name in command.given or name == "adc_offset" else None
        for name, value in _output(command).items()
    }
    return {"run": _run(command), **models, "output": output, "series": section}


def config_lines(command: CommandLine[Simulation], style: str) -> list[str]:
    """Return the configuration as lines of text, or as one JSON object."""
    config = resolved_config(command)
    if style == "json":
        return [json.dumps(config, indent=2, allow_nan=False)]
    lines: list[str] = []
    panels = [dict(panel) for panel in config["panels"]]
    config["panels"] = {
        f"panel {number} {panel.pop('name')}": panel
        for number, panel in enumerate(panels)
    }
    for title, section in config.items():
        lines += ["", title] if lines else [title]
        lines += [f"  {name:<{NAME_WIDTH}} {_text(x)}" for name, x in section.items()]
    return [*lines, "", "- stands for: not used, or chosen automatically"]


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value + 0.0:.10g}"  # no -0
    if isinstance(value, list) and len(value) > MOST_ITEMS:
        return f"{_text(value[:3])} ... {_text(value[-1])} ({len(value)} values)"
    if isinstance(value, list):
        return " ".join(_text(item) for item in value) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items()) or "-"
    return str(value)


def _run(command: CommandLine[Simulation]) -> Section:
    return {
        "program": "nbsim",
        "version": __version__,
        "command": shlex.join(["nbsim", *command.words]),
        "model": command.simulation.model,
        "precision": command.output.precision,
        "device": command.output.device,
        "threads": command.output.threads,
        **_rendering(command),
        "inputs": dict(command.inputs),
    }


def _rendering(command: CommandLine[Simulation]) -> Section:
    """Return whether all is evaluated or only what is lit, and why."""
    from ..backends.forecast import forecast_for

    setup, output = command.simulation.setup, command.output
    on_device = str(output.device).startswith("cuda")
    cast, why = forecast_for(setup, output.precision, on_device)
    return {
        "rendering": "sparse" if why is None else "dense",
        "rendering_reason": why,
        "lit_fraction": cast and cast.lit_fraction,
    }


def _output(command: CommandLine[Simulation]) -> Section:
    output = command.output
    return {
        "floatfile": output.floatfile,
        "intfile": output.intfile,
        "tifffile": output.tifffile,
        "pgmfile": output.pgmfile,
        "noisefile": output.noisefile,
        "dumpfile": output.dumpfile,
        "preview": output.preview,
        "preview_noise": output.preview_noise,
        "scale": output.scale or None,
        "pgmscale": output.pgmscale or None,
        "adc_offset": output.adc,
        "noise_seed": output.seed if output.noisefile else None,
    }
