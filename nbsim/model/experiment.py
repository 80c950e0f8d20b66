# SPDX-License-Identifier: MIT
"""The models of one simulation together."""

from __future__ import annotations

from dataclasses import dataclass

from . import validate
from .background import Background
from .models import Beam, Crystal, Detector, Goniometer, Sampling
from .structure_factors import StructureFactors

MODELS = ("c", "physical")
MODEL_CLASSES = {
    "crystal": Crystal,
    "structure_factors": StructureFactors,
    "beam": Beam,
    "detector": Detector,
    "goniometer": Goniometer,
    "sampling": Sampling,
}


@dataclass(frozen=True, eq=False)
class Experiment:
    """A crystal in a beam in front of a detector, as a person describes it.

    Attributes
    ----------
    crystal, structure_factors, beam, detector, goniometer, sampling
        The models.
    model
        "c": nanoBragg's arithmetic with its oddities; "physical": the same experiment
        without them.
    warnings
        What reading a command line or a file warned about, one sentence each.
    backgrounds
        Amorphous materials in the beam; `Simulation.render_background` adds them up.
    """

    crystal: Crystal
    structure_factors: StructureFactors = StructureFactors()
    beam: Beam = Beam()
    detector: Detector = Detector()
    goniometer: Goniometer = Goniometer()
    sampling: Sampling = Sampling()
    model: str = "c"
    warnings: tuple[str, ...] = ()
    backgrounds: tuple[Background, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in MODEL_CLASSES.items():
            validate.instance(name, getattr(self, name), kind)
        backgrounds = tuple(
            validate.sequence("backgrounds", self.backgrounds, "several")
        )
        for background in backgrounds:
            validate.instance("backgrounds", background, Background)
        object.__setattr__(self, "backgrounds", backgrounds)
        validate.choice("model", self.model, MODELS)
        if self.model == "physical" and self.sampling.phi_carryover:
            raise ValueError(
                "phi_carryover (-phi_carryover) reproduces a mistake of model c, the "
                "stale orientation at phi 0; model physical rotates afresh every time"
            )
