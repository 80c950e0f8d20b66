# SPDX-License-Identifier: MIT
"""The committed completion files are what shtab makes of the option table, and work."""

import shutil
import subprocess
from pathlib import Path

import pytest

from nbsim.options import OPTIONS
from nbsim.tools.docs.completions import FILES

FOLDER = Path(__file__).parents[1] / "completions"


@pytest.mark.parametrize("shell", FILES)
def test_every_option_is_there(shell):
    text = (FOLDER / FILES[shell]).read_text(encoding="utf-8")
    names = [f"-{option.name}" for option in OPTIONS if not option.instead]
    if shell == "fish":
        # fish has -s for one letter and -o for a word after one dash.
        names = [f" -{'o' if name[2:] else 's'} {name[1:]} " for name in names]
    assert [name for name in names if name not in text] == []


def complete_in_bash(*words):
    """Return what bash offers for the last of `words`."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    line = " ".join(f"'{word}'" for word in words)
    script = f"""
        source '{FOLDER / FILES["bash"]}'
        COMP_WORDS=({line}) COMP_CWORD={len(words) - 1}
        function=$(complete -p nbsim | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        "$function" nbsim '{words[-1]}' '{words[-2]}'
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run([bash, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {word.strip() for word in done.stdout.split("\n") if word.strip()}


@pytest.mark.parametrize(
    "words, offered",
    [
        (("nbsim", "-detpix"), {"-detpixels", "-detpixels_f", "-detpixels_s"}),
        (("nbsim", "-cell", "70", "-prev"), {"-preview", "-preview_noise"}),
        (("nbsim", "-preview_scale", "l"), {"log", "linear"}),
        (("nbsim", "-device", "c"), {"cpu", "cuda"}),
    ],
)
def test_bash_offers(words, offered):
    assert offered <= complete_in_bash(*words)


def test_bash_offers_files(tmp_path, monkeypatch):
    (tmp_path / "P1.hkl").touch()
    monkeypatch.chdir(tmp_path)
    assert "P1.hkl" in complete_in_bash("nbsim", "-hkl", "P")
