"""The command line `rnnlab COMMAND ...`; `train` is the command where none is named.

This file imports nothing slow: errors that need no model come at once.
"""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from rnnlab.errors import ConfigError, RnnlabError, described, printable

COMMANDS = {
    "train": "rnnlab.runs.launch:launch",
    "evaluate": "rnnlab.commands.evaluate:evaluate_words",
    "predict": "rnnlab.commands.predict:predict_words",
    "export": "rnnlab.commands.export.command:export_words",
    "analyze": "rnnlab.commands.analyze.command:analyze_words",
    "sweep": "rnnlab.commands.sweep:sweep_words",
    "compare": "rnnlab.commands.compare.command:compare_words",
    "embed": "rnnlab.commands.embed.command:embed_words",
    "check": "rnnlab.commands.check:check_words",
    "data": "rnnlab.commands.data:data_words",
}
"""The commands, and the function that each calls with the rest of the command line."""

LONGEST = 1_500
"""Characters of a message's line that are shown."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program and exit: 0 done, 1 diverged, 2 user error, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = run(words)
        print(end="", flush=True)
    except RnnlabError as error:
        for line in str(error).splitlines():
            shown = printable(line)
            more = f" ... ({len(shown) - LONGEST:,} characters more)"
            print(f"rnnlab: {shown[:LONGEST]}{more * (len(shown) > LONGEST)}", file=sys.stderr)
        code = 2
    except BrokenPipeError:
        _drop_output()
        code = 0
    except OSError as error:
        print(f"rnnlab: {printable(_described(error))}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("rnnlab: interrupted", file=sys.stderr)
        code = 130
    sys.exit(code)


def _described(error: OSError) -> str:
    try:
        print(end="", flush=True)
    except OSError:  # again: it was about standard output
        _drop_output()
        if not error.filename:
            return f"cannot write standard output: {error.strerror or error}"
    return described(error)


def _drop_output() -> None:
    """Let what standard output still holds go nowhere: it would fail again at the end."""
    with suppress(OSError):  # it may be no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(words: list[str]) -> int:
    """Do what a command line says; its exit code."""
    if words[:1] == ["--version"]:
        from rnnlab import __version__

        print(__version__)
        return 0
    named = bool(words) and words[0] in COMMANDS
    if words and not named and not words[0].startswith("-") and "=" not in words[0]:
        from rnnlab.config.hints import suggest

        raise ConfigError(f"{words[0]}: no such command; {suggest(words[0], COMMANDS)}")
    name, rest = (words[0], words[1:]) if named else ("train", words)
    alone = named and not rest and name not in ("train", "check")
    if not words or alone or {"--help", "-h"} & set(rest):
        from rnnlab.config.help import PROGRAM, command_help

        given = [word for word in rest if word not in ("--help", "-h")]
        print(command_help(name, given) if named else PROGRAM)
        return 2 if alone and name != "data" else 0
    module, _, function = COMMANDS[name].partition(":")
    command: Callable[[list[str]], Any] = getattr(import_module(module), function)
    code = command(rest)
    return code if isinstance(code, int) else 0
