# SPDX-License-Identifier: MIT
"""Ask shells that run what they offer for a command line that somebody types."""

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "completions"
#: Seconds that a shell may take.
PATIENCE = 60.0
#: Writes down what zsh's completion system is given.
ZSH = r"""
PROMPT= RPROMPT= ; unsetopt beep zle_bracketed_paste 2>/dev/null
fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D
compadd() {{
  if [[ ${{@[1,(i)(-|--)]}} == *(-O|-A|-D)\ * ]]; then builtin compadd "$@"; return; fi
  local -a found
  builtin compadd -A found "$@"
  print -rl -- $found >> {out}
  builtin compadd "$@"
}}
asked() {{ zle complete-word; : > {done} }}
zle -C complete-word complete-word _main_complete
zle -N asked; bindkey '^I' asked
cd {there}; : > {ready}
"""


def shell(name):
    """Return the path of a shell, or skip the test."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def in_bash(line, folder, tmp_path):
    """Return what an interactive bash offers for the last word of a line."""
    words = line.split(" ")
    listed = " ".join(f"'{word}'" for word in words)
    script = f"""
        source '{FOLDER}/bash/{words[0]}'
        COMP_WORDS=({listed}) COMP_CWORD={len(words) - 1} COMP_LINE='{line}'
        [[ $(complete -p {words[0]}) =~ -F\\ ([^ ]+) ]]
        "${{BASH_REMATCH[1]}}" {words[0]} '{words[-1]}' '{words[-2]}'
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        [shell("bash"), "--norc", "-i", "-c", script],
        capture_output=True,
        text=True,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr
    assert "syntax error" not in done.stderr
    return set(filter(None, done.stdout.split("\n")))


def in_fish(line, folder, tmp_path):
    """Return what fish offers for the last word of a line, without descriptions."""
    command = line.partition(" ")[0]
    script = f"source '{FOLDER}/fish/{command}.fish'; complete -C '{line}'"
    done = subprocess.run(
        [shell("fish"), "--no-config", "-c", script],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return {row.partition("\t")[0] for row in done.stdout.split("\n") if row}


def in_zsh(line, folder, tmp_path):
    """Return what zsh offers when Tab is pressed after a line on a terminal."""
    zsh = shell("zsh")
    names = {n: tmp_path / n for n in ("out", "done", "ready", "setup")}
    names["out"].touch()
    text = ZSH.format(folder=FOLDER / "zsh", there=folder, **names)
    names["setup"].write_text(text)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [zsh, "-f", "-i"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "dumb", "HOME": str(tmp_path)},
    )
    os.close(theirs)
    try:
        os.write(ours, f". {names['setup']}\n".encode())
        _until(names["ready"], ours)
        os.write(ours, f"{line}\t".encode())
        _until(names["done"], ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    offered = names["out"].read_text().replace("\\ ", " ")
    return set(filter(None, offered.split("\n")))


def _until(path, terminal):
    """Wait for a file, reading what the terminal shows so that nothing waits for us."""
    end = time.monotonic() + PATIENCE
    shown = b""
    while not path.exists():
        if select.select([terminal], [], [], 0.02)[0]:
            shown += os.read(terminal, 65536)
        assert time.monotonic() < end, shown.decode(errors="replace")


ASK = {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}
