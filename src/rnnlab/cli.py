"""`rnnlab train|evaluate|predict|analyze|compare|embed|check|data`; train is the default word.

This file imports nothing slow: an error that needs no model is to come at once.
"""

import os
import sys
from collections.abc import Callable, Sequence

from rnnlab.errors import ConfigError, RnnlabError

Command = Callable[[list[str]], int]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program and exit: 0 done, 1 diverged, 2 the user's mistake, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    command: Command = train
    if words and words[0] in ("--help", "-h", "--version"):
        command, words = about, words[:1]
    elif words and words[0] in commands():
        command, words = commands()[words[0]], words[1:]
    try:
        code = command(words)
    except RnnlabError as error:
        for line in str(error).splitlines():
            print(f"rnnlab: {line}", file=sys.stderr)
        code = 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except KeyboardInterrupt:
        print("rnnlab: interrupted", file=sys.stderr)
        code = 130
    sys.exit(code)


def commands() -> dict[str, Command]:
    """The words of the command line."""
    return {
        "train": train,
        "evaluate": evaluate,
        "predict": predict,
        "analyze": analyze,
        "compare": compare,
        "embed": embed,
        "check": check,
        "data": data,
    }


def about(words: list[str]) -> int:
    """The program itself: help and version."""
    if words == ["--version"]:
        from rnnlab import __version__

        print(__version__)
    else:
        from rnnlab.config.help import PROGRAM

        print(PROGRAM)
    return 0


def _asks_for_help(words: list[str]) -> bool:
    return "--help" in words or "-h" in words


def train(words: list[str]) -> int:
    """Train; `-m` for a grid or a sweep, `resume=RUN_DIR` to continue."""
    if _asks_for_help(words):
        from rnnlab.config.help import train_help

        print(train_help())
        return 0
    from rnnlab.runs.launch import launch

    return launch(words)


def check(words: list[str]) -> int:
    """Validate the configuration that the overrides make, and print it."""
    if _asks_for_help(words):
        return about(["--help"])
    from omegaconf import OmegaConf

    from rnnlab.config.compose import compose_words
    from rnnlab.config.validate import validate
    from rnnlab.runs.launch import Words, precheck

    given = Words.split(words)
    if given.multirun:
        precheck(given)
        return 0
    composed = compose_words("train", given.overrides, given.search)
    given.use_current_folder(composed.cfg)
    validate(composed.cfg, composed.choices)
    print(OmegaConf.to_yaml(OmegaConf.create(composed.cfg)), end="")
    return 0


def evaluate(words: list[str]) -> int:
    """Test metrics of a checkpoint."""
    from rnnlab.config.help import EVALUATE

    if not words or _asks_for_help(words):
        print(EVALUATE)
        return 0 if words else 2
    from rnnlab.commands.evaluate import evaluate_words

    evaluate_words(words)
    return 0


def predict(words: list[str]) -> int:
    """Predictions for raw text."""
    from rnnlab.config.help import PREDICT

    if not words or _asks_for_help(words):
        print(PREDICT)
        return 0 if words else 2
    from rnnlab.config.compose import compose_words
    from rnnlab.runs.launch import Words

    given = Words.split(words)
    given.no_flags()
    # a text as it stands: Hydra would want its commas and brackets quoted
    prompts = [word for word in given.overrides if word.startswith("prompt=")]
    cfg = compose_words("predict", [o for o in given.overrides if o not in prompts]).cfg
    if prompts:
        cfg["prompt"] = prompts[-1].removeprefix("prompt=")
    given.use_current_folder(cfg)
    from rnnlab.runs.predictor import predict_file

    predict_file(cfg)
    return 0


def analyze(words: list[str]) -> int:
    """What a trained net remembers, for how long, and why."""
    from rnnlab.config.help import ANALYZE

    if not words or _asks_for_help(words):
        print(ANALYZE)
        return 0 if words else 2
    from rnnlab.commands.analyze.command import analyze_words

    analyze_words(words)
    return 0


def compare(words: list[str]) -> int:
    """Runs side by side, on one page."""
    from rnnlab.config.help import COMPARE

    if not words or _asks_for_help(words):
        print(COMPARE)
        return 0 if words else 2
    from rnnlab.commands.compare.command import compare_words

    compare_words(words)
    return 0


def embed(words: list[str]) -> int:
    """Word vectors from a corpus, or the worth of some that are there."""
    from rnnlab.config.help import EMBED

    if not words or _asks_for_help(words):
        print(EMBED)
        return 0 if words else 2
    from rnnlab.commands.embed.command import embed_words

    embed_words(words)
    return 0


def data(words: list[str]) -> int:
    """List, fetch and verify data sets."""
    from rnnlab.commands import data as catalogue
    from rnnlab.config.help import DATA
    from rnnlab.config.roots import config_dir
    from rnnlab.data.source import data_root

    root = data_root(next((w.removeprefix("root=") for w in words if w.startswith("root=")), None))
    match [word for word in words if not word.startswith("root=")]:
        case ["list"]:
            known = catalogue.entries(config_dir())
            files = sorted((config_dir() / "data").glob("*.yaml"))
            rest = [file.stem for file in files if file.stem not in {e.name for e in known}]
            print(catalogue.table(known, root))
            print(f"no download (generated, or your own files): {', '.join(rest)}")
        case ["fetch", name]:
            for path in catalogue.fetch_entry(name, catalogue.entries(config_dir()), root):
                print(path)
        case ["verify", name]:
            checks = catalogue.verify(name, catalogue.entries(config_dir()), root)
            print("\n".join(map(str, checks)))
            return 0 if all(check.ok for check in checks) else 2
        case [] | ["--help"] | ["-h"]:
            print(DATA)
        case other:
            raise ConfigError(
                f"data: '{' '.join(other)}' is not one of list, fetch NAME, verify NAME"
            )
    return 0
