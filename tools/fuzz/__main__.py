# SPDX-License-Identifier: MIT
"""``python -m nbsim.tools.fuzz --minutes 30``: random lines and damaged files by hand.

Prints how many ended in which way; stops with status 1 at the first that must not be,
reduced to the smallest line or file that shows it.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from nbsim.tools.fuzz import judge
from nbsim.tools.fuzz.inputs import INPUTS, make_inputs
from nbsim.tools.fuzz.strategies import START, command_lines, damaged

#: Examples between two looks at the clock.
BATCH = 250


def main(argv: list[str] | None = None) -> int:
    """Run for the time that was asked for and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m nbsim.tools.fuzz")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(argv)
    print(f"seed {options.seed}")
    classes: Counter[str] = Counter()
    until = time.monotonic() + 60.0 * options.minutes
    batch = options.seed
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_inputs(folder)
        try:
            while time.monotonic() < until:
                run_batch(batch, folder, classes)
                batch += 1
        except judge.Escape as escape:
            print(escape)
            return 1
        finally:
            for kind, count in sorted(classes.items()):
                print(f"{count:8d} {kind}")
    return 0


def run_batch(number: int, folder: Path, classes: Counter[str]) -> None:
    """Try some lines and some damaged files; count how they ended."""
    wanted = settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    contents = {name: (folder / name).read_bytes() for _, name in INPUTS}

    @seed(number)
    @wanted
    @given(command_lines(wild=True))
    def wild(words: tuple[str, ...]) -> None:
        end = judge.run([*words, "-show_config", "json"], folder)
        classes[f"line understood or not: {end}"] += 1

    @seed(number)
    @wanted
    @given(command_lines(wild=False))
    def tame(words: tuple[str, ...]) -> None:
        if judge.renderable(words, folder):
            classes[f"line rendered or not: {judge.run(words, folder)}"] += 1

    @seed(number)
    @wanted
    @given(st.data())
    def files(data: st.DataObject) -> None:
        option, name = data.draw(st.sampled_from(INPUTS))
        (folder / "bad").write_bytes(data.draw(damaged(contents[name])))
        words = [*START, f"-{option}", "bad", "-show_config"]
        if option == "dump":
            words = [*START[:4], "-dump", "bad", "-show_config"]
        classes[f"damaged {option}: {judge.run(words, folder)}"] += 1

    wild()
    tame()
    files()


if __name__ == "__main__":
    sys.exit(main())
