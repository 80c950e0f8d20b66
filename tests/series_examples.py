# SPDX-License-Identifier: MIT
"""Small series that several tests make."""

import hashlib
from pathlib import Path

from nbsim import Series, Simulation

#: Spots of two to three pixels, 0.03 s a frame.
WORDS = (
    "-cell 78.5 78.5 37 -default_F 100 -N 8 -gauss_xtal -lambda 1 -distance 120 "
    "-pixel 0.1 -detpixels 128 -Xbeam 5.3 -Ybeam 6.1 -misset 10 20 30 -phi 10 "
    "-osc 0.5 -phisteps 2"
)
STILL = WORDS.partition(" -osc")[0]


def series(frames=4, words=WORDS, **more):
    """Return a series of the example."""
    return Series(Simulation.from_args(words), frames, **{"seed": 1, **more})


def digests(folder):
    """Return sha256 of all files but manifests, by name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(folder).iterdir())
        if path.is_file() and not path.name.endswith(".jsonl")
    }
