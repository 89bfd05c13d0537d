"""The shortest command line that gives a run's configuration again."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from rnnlab.commands.compare.groups import BYSTANDERS
from rnnlab.config.compose import Composed, compose_words
from rnnlab.errors import ConfigError

UNLISTED = ("hydra", "experiment", "sweep", "launcher", "seed", "resume")
"""First parts of keys that a record names elsewhere, or that change nothing in a run."""


def shortest(
    overrides: Sequence[str], cfg: Mapping[str, Any], choices: Mapping[str, Any]
) -> list[str]:
    """The fewest overrides that, with the run's seed, compose to its configuration today.

    Words of the run's own command line that still change something; and others, where the run was
    resumed with other values or its experiment has changed since.

    Args:
        overrides: What the run was started with.
        cfg: The run's configuration, resolved.
        choices: The choice made for each group of rnnlab's, not for Hydra's own.

    Raises:
        ConfigError: No words do; names the options.
    """
    seed = f"seed={cfg['seed']}"
    experiment = choices.get("experiment")
    base = [seed, *([f"experiment={experiment}"] if experiment else [])]
    groups = [f"{k}={v}" for k, v in choices.items() if v and k not in UNLISTED]
    # an option that was not there yet had the value that its group gives it
    wanted = dict(_leaves(_compose((seed, *groups)).cfg)) | dict(_leaves(cfg))

    def missing(words: Sequence[str]) -> tuple[Composed, set[str]]:
        composed = _compose((*base, *words))
        found = dict(_leaves(composed.cfg))
        keys = {k for k in found.keys() | wanted.keys() if found.get(k) != wanted.get(k)}
        return composed, {key for key in keys if _matters(key, cfg)}

    words = [word for word in overrides if _decides(word, cfg)]
    composed, left = missing(words)
    for word in words:
        fewer = [each for each in words if each != word]
        tried, without = missing(fewer)
        if without <= left:
            words, composed, left = fewer, tried, without
    while left:
        keys = sorted(key for key in left if not key.endswith("._target_"))
        offered = [g for g in groups if not _chosen(composed, g)]
        offered += [f"{key}={spelled(wanted.get(key))}" for key in keys]
        better = [(word, *missing([*words, word])) for word in offered]
        better = sorted((b for b in better if len(b[2]) < len(left)), key=lambda b: len(b[2]))
        if not better:
            raise ConfigError(f"no command gives this today: {', '.join(sorted(left))}")
        word, composed, left = better[0]
        words = [*words, word]
    return [re.sub(r"(?<==)/\S*/", ".../", word) for word in words]


@cache
def _compose(words: tuple[str, ...]) -> Composed:
    """Cached: what is composed is only read, and runs of one experiment ask for much the same."""
    return compose_words("train", words)


def spelled(value: Any) -> str:
    """A value in Hydra's grammar."""
    return (
        value if isinstance(value, str) and re.fullmatch(r"[\w./-]+", value) else json.dumps(value)
    )


def _chosen(composed: Composed, word: str) -> bool:
    group, _, choice = word.partition("=")
    return composed.choices.get(group) == choice


def _decides(word: str, cfg: Mapping[str, Any]) -> bool:
    key = word.lstrip("+~").partition("=")[0]
    return re.split(r"[./]", key)[0] not in UNLISTED and _matters(key, cfg)


def _matters(key: str, cfg: Mapping[str, Any]) -> bool:
    """Whether an option decides what comes out of a run, wherever its files are."""
    aside = (*BYSTANDERS, "seed")
    return not (
        key.endswith(".root") or any(key == name or key.startswith(f"{name}.") for name in aside)
    )


def _leaves(cfg: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in cfg.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
