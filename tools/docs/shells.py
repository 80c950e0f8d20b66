# SPDX-License-Identifier: MIT
"""The completion files of bash, zsh and fish.

Each holds the same tables and walks through the words in the same way: it keeps what
the last option still takes, and offers the first of that, or the options.
"""

from collections.abc import Iterator

from nbsim.tools.docs.completions import Table, tables
from nbsim.tools.docs.man_pages import COMMANDS

HEAD = """\
# SPDX-License-Identifier: MIT
# Made by "python -m nbsim.tools.docs": what {shell} offers after nbsim and its tools.
"""

BASH = r"""
# _nbsim_offer WHAT WORD: words, endings of files after *, / for folders
_nbsim_offer() {
  local token name files=0 some= words= endings=() found=()
  local IFS=' '
  set -f
  for token in $1; do
    case $token in
      '?' | -) ;;
      /) compopt -o filenames 2>/dev/null
        IFS=$'\n' COMPREPLY+=($(compgen -d -- "$2")) ;;
      '*'*) files=1 endings+=("${token#?}") ;;
      *) words+=" ${token%!}" ;;
    esac
  done
  COMPREPLY+=($(IFS=$' \n'; compgen -W "$words" -- "$2"))
  if ((files)); then
    compopt -o filenames 2>/dev/null
    IFS=$'\n'
    for name in $(compgen -f -- "$2"); do
      found+=("$name")
      for token in "${endings[@]}"; do
        [[ $name == *"$token" ]] && some=1
      done
    done
    for name in "${found[@]}"; do
      [[ -d $name || ! $some ]] && COMPREPLY+=("$name") && continue
      for token in "${endings[@]}"; do
        [[ $name == *"$token" ]] && COMPREPLY+=("$name") && break
      done
    done
  fi
  set +f
}

_nbsim() {
  local table="${COMP_WORDS[0]##*/}" word="${COMP_WORDS[COMP_CWORD]}" spec=() left=()
  local at said next names
  for ((at = 1; at < COMP_CWORD; at++)); do
    said="${COMP_WORDS[at]}"
    next=$(_nbsim_next "$table" "$said")
    if [[ $next ]]; then
      table="$next" left=()
    elif _nbsim_takes "$table $said"; then
      left=("${spec[@]}")
    elif ((${#left[@]})); then
      case " ${left[0]} " in
        *" $said! "*) left=() ;;
        *) left=("${left[@]:1}") ;;
      esac
    fi
  done
  COMPREPLY=()
  ((${#left[@]})) && _nbsim_offer "${left[0]}" "$word"
  [[ ${#left[@]} -gt 0 && ${left[0]} != '?'* ]] && return 0
  _nbsim_names "$table"
  [[ $word == --* && $dashes ]] && names="${names// -/ --}"
  if [[ $word == -* || ${#left[@]} -eq 0 || ${#COMPREPLY[@]} -eq 0 ]]; then
    COMPREPLY+=($(compgen -W "$names" -- "$word"))
  fi
  ((${#left[@]})) || [[ $word == -* ]] || _nbsim_offer "$bare" "$word"
  return 0
}
"""

ZSH = r"""
# _nbsim_offer WHAT: words, endings of files after *, / for folders
_nbsim_offer() {
  local token
  local -a offered endings
  for token in ${=1}; do
    case $token in
      '?' | -) ;;
      /) _files -/ ;;
      '*'*) endings+=("${token#?}") ;;
      *) offered+=("${token%!}") ;;
    esac
  done
  (( $#offered )) && compadd -- $offered
  (( $#endings )) || return 0
  local ending="(${(j:|:)endings})"
  local -a fitting
  fitting=(${(Q)PREFIX}*${~ending}(N-.))
  if (( $#fitting )) && [[ $ending != '()' ]]; then
    _files -g "*${ending}(-.)"
  else
    _files
  fi
}

_nbsim() {
  local table="${words[1]:t}" said next bare= dashes=
  local -a spec left names shown
  local at
  for (( at = 2; at < CURRENT; at++ )); do
    said="${words[at]}"
    next=$(_nbsim_next "$table" "$said")
    if [[ -n $next ]]; then
      table="$next" left=()
    elif _nbsim_takes "$table $said"; then
      left=("${spec[@]}")
    elif (( $#left )); then
      case " ${left[1]} " in
        *" $said! "*) left=() ;;
        *) shift left ;;
      esac
    fi
  done
  (( $#left )) && _nbsim_offer "$left[1]"
  [[ $#left -gt 0 && $left[1] != '?'* ]] && return
  if [[ $PREFIX == -* || $#left -eq 0 ]]; then
    _nbsim_names "$table"
    [[ $PREFIX == --* && -n $dashes ]] && shown=(-$^shown) names=(-$^names)
    compadd -l -d shown -- $names
  fi
  (( $#left )) || [[ $PREFIX == -* ]] || _nbsim_offer "$bare"
}
"""

FISH = r"""
# __nbsim_offer WHAT: words, endings of files after *, / for folders
function __nbsim_offer
  set -l endings
  for token in (string split ' ' -- $argv[1])
    switch $token
      case '\?' -
      case /
        __fish_complete_directories (commandline -ct)
      case '\**'
        set -a endings (string escape --style=regex -- (string sub -s 2 -- $token))
      case '*'
        string trim -r -c '!' -- $token
    end
  end
  set -q endings[1]; or return 0
  set -l paths (__fish_complete_path (commandline -ct) | string replace -r '\t.*' '')
  set -l ending '('(string join '|' -- $endings)')$'
  if string match -q -r -- $ending $paths
    set paths (string match -r -- '.*/$|.*'$ending $paths)
  end
  string join \n -- $paths
end

function __nbsim
  set -l said (commandline -opc)
  set -l word (commandline -ct)
  set -l table (string replace -r '.*/' '' -- $said[1])
  set -l left
  for one in $said[2..-1]
    if set -l next (__nbsim_next $table $one)
      set table $next
      set left
    else if set -l spec (__nbsim_takes "$table $one")
      set left $spec
    else if set -q left[1]
      if contains -- "$one!" (string split ' ' -- $left[1])
        set left
      else
        set -e left[1]
      end
    end
  end
  if set -q left[1]
    __nbsim_offer $left[1]
    string match -q -- '\\?*' $left[1]; or return
  end
  if string match -q -- '-*' $word; or not set -q left[1]
    if string match -q -- '--*' $word; and __nbsim_any_dashes $table
      __nbsim_names $table | string replace -r -- '^' -
    else
      __nbsim_names $table
    end
  end
  set -q left[1]; or __nbsim_offer (__nbsim_bare $table)
end

"""


def files() -> Iterator[tuple[str, str]]:
    """Yield name and text of all completion files.

    bash and fish look for a file with the name of the command: all but one of them
    read that one.
    """
    all_tables = tables()
    yield "bash/nbsim", _bash(all_tables)
    yield "fish/nbsim.fish", _fish(all_tables)
    yield "zsh/_nbsim", _zsh(all_tables)
    for command in COMMANDS:
        if command != "nbsim":
            spdx = HEAD.partition("\n")[0] + "\n"
            yield f"bash/{command}", f'{spdx}. "${{BASH_SOURCE[0]%/*}}/nbsim"\n'
            yield (
                f"fish/{command}.fish",
                f"{spdx}source (status dirname)/nbsim.fish\n",
            )


def _bash(all_tables: list[Table]) -> str:
    names = [
        f"    {quoted(t.name)}) names={quoted(' ' + ' '.join(_spellings(t)))}"
        f" bare={quoted(t.bare)} dashes={'1' if t.any_dashes else ''} ;;\n"
        for t in all_tables
    ]
    return (
        HEAD.format(shell="bash")
        + _cases(all_tables)
        + "\n_nbsim_names() {\n  case $1 in\n"
        + "".join(names)
        + "  esac\n}\n"
        + BASH
        + f"\ncomplete -F _nbsim {' '.join(COMMANDS)}\n"
    )


def _zsh(all_tables: list[Table]) -> str:
    names = []
    for table in all_tables:
        pairs = [(name, word.help) for word in table.words for name in word.spellings]
        width = max(len(name) for name, _ in pairs)
        shown = " ".join(quoted(f"{name:{width}} {help}") for name, help in pairs)
        names.append(
            f"    {quoted(table.name)}) names=({' '.join(name for name, _ in pairs)})\n"
            f"      shown=({shown})\n"
            f"      bare={quoted(table.bare)} dashes={'1' if table.any_dashes else ''}"
            " ;;\n"
        )
    return (
        f"#compdef {' '.join(COMMANDS)}\n"
        + HEAD.format(shell="zsh")
        + _cases(all_tables)
        + "\n_nbsim_names() {\n  case $1 in\n"
        + "".join(names)
        + "  esac\n}\n"
        + ZSH
        + '\n_nbsim "$@"\n'
    )


def _cases(all_tables: list[Table]) -> str:
    """Return the two functions that bash and zsh read alike."""
    lines = ["\n# _nbsim_next TABLE WORD: the table that holds after a word\n"]
    lines.append("_nbsim_next() {\n  case $1' '$2 in\n")
    for table in all_tables:
        for word, name in table.goes_to:
            lines.append(
                f"    {quoted(f'{table.name} {word}')}) echo {quoted(name)} ;;\n"
            )
    lines.append(
        "  esac\n}\n\n# _nbsim_takes 'TABLE WORD': sets what an option takes\n"
    )
    lines.append("_nbsim_takes() {\n  case $1 in\n")
    for key, takes in _options(all_tables):
        spec = " ".join(quoted(what) for what in takes)
        lines.append(f"    {' | '.join(map(quoted, key))}) spec=({spec}) ;;\n")
    lines.append("    *) return 1 ;;\n  esac\n}\n")
    return "".join(lines)


def _fish(all_tables: list[Table]) -> str:
    lines = [HEAD.format(shell="fish"), '\nfunction __nbsim_next\n  switch "$argv"\n']
    for table in all_tables:
        for word, name in table.goes_to:
            key = quoted(f"{table.name} {word}")
            lines.append(f"    case {key}\n      echo {quoted(name)}\n")
    lines.append("    case '*'\n      return 1\n  end\nend\n\nfunction __nbsim_takes\n")
    lines.append("  switch $argv[1]\n")
    for key, takes in _options(all_tables):
        lines.append(f"    case {' '.join(map(quoted, key))}\n")
        if takes:
            lines.append(f"      string join \\n -- {' '.join(map(quoted, takes))}\n")
    lines.append("    case '*'\n      return 1\n  end\n  return 0\nend\n\n")
    lines.append("function __nbsim_names\n  switch $argv[1]\n")
    for table in all_tables:
        pairs = [(name, word.help) for word in table.words for name in word.spellings]
        words = " ".join(f"{quoted(name)} {quoted(help)}" for name, help in pairs)
        lines.append(
            f"    case {quoted(table.name)}\n      printf '%s\\t%s\\n' {words}\n"
        )
    lines.append("  end\nend\n\nfunction __nbsim_bare\n  switch $argv[1]\n")
    for table in all_tables:
        lines.append(
            f"    case {quoted(table.name)}\n      echo {quoted(table.bare)}\n"
        )
    lines.append("  end\nend\n\nfunction __nbsim_any_dashes\n")
    dashed = " ".join(table.name for table in all_tables if table.any_dashes)
    lines.append(f"  contains -- $argv[1] {dashed}\nend\n")
    ends = [f"complete -c {command} -f -a '(__nbsim)'\n" for command in COMMANDS]
    return "".join(lines) + FISH + "".join(ends)


def _options(all_tables: list[Table]) -> Iterator[tuple[list[str], tuple[str, ...]]]:
    """Yield "TABLE WORD" for all that an option is called, and what it takes."""
    for table in all_tables:
        for word in table.words:
            names = list(word.spellings)
            if table.any_dashes:
                names += [f"-{name}" for name in names]
            yield [f"{table.name} {name}" for name in names], word.takes


def _spellings(table: Table) -> Iterator[str]:
    for word in table.words:
        yield from word.spellings


def quoted(text: str) -> str:
    """Return a text as one word of all three shells."""
    return "'" + text.replace("'", "'\"'\"'") + "'"
