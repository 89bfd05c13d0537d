"""The jobs of a command line, checked before the first one starts."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnlab.config.command_line import CommandLine
from rnnlab.config.compose import Composed, compose_words, explain, groups, resolved
from rnnlab.config.overrides import each_value, grid, parse
from rnnlab.config.validate import find_problems
from rnnlab.errors import ConfigError, refuse

FIT = (
    *("task", "cell", "encoder", "embedding", "characters", "data", "optimizer", "scheduler"),
    *("trainer", "early_stopping", "averaging"),
)
"""What decides whether parts fit."""


def check_jobs(line: CommandLine) -> tuple[Composed, int | None]:
    """Compose a command line, and check its run or all of its jobs.

    Jobs that choose the same groups are composed once; a search tries each value of its space.

    Returns:
        The configuration of the run or of the first job, and the number of jobs of a multirun; None
        where it is one run.

    Raises:
        ConfigError: All problems, one a line.
    """
    first = next(each_value(line.overrides)) if line.multirun else line.overrides
    composed = compose_words("train", first, line.search)
    several = line.multirun or bool(composed.swept)
    jobs = _composed_jobs(line, composed) if several else [(composed.cfg, composed.choices)]
    problems: dict[str, None] = {}
    fits: dict[str, dict[str, Any]] = {}
    count = 0
    for cfg, choices in jobs:
        count += 1
        found = [*find_problems(cfg, choices), *(_several_processes(cfg) if several else ())]
        problems |= dict.fromkeys(found)
        if not found:  # only parts of another choice or size can fit in another way
            parts = {name: cfg[name] for name in FIT} | {"data": {**cfg["data"], "seed": 0}}
            fits.setdefault(json.dumps(parts, sort_keys=True), cfg)
    if fits:
        from rnnlab.runs.dry_build import check_fit  # imports torch: other mistakes come sooner

        for cfg in fits.values():
            problems |= dict.fromkeys(check_fit(cfg))
    refuse(problems)
    return composed, count if several else None


def _composed_jobs(
    line: CommandLine, first: Composed
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The configuration of each job, and its choices; composed again where a choice differs."""
    given = {override.key_or_group for override in parse(line.overrides)}
    own = [word for word in first.swept if word.partition("=")[0].lstrip("+") not in given]
    search = not first.hydra.hydra.sweeper._target_.endswith(".BasicSweeper")
    jobs: Iterable[list[str]] = (each_value if search else grid)([*own, *line.overrides])
    offered, compose = groups("train"), cache(partial(compose_words, "train", search=line.search))
    for words in jobs:
        overrides = parse(words)
        values = [o for o in overrides if o.key_or_group not in offered and not o.is_delete()]
        composed = compose(tuple(o.input_line or "" for o in overrides if o not in values))
        cfg = composed.hydra.copy()
        OmegaConf.set_struct(cfg, False)
        for override in values:
            OmegaConf.update(cfg, override.key_or_group, override.value(), merge=True)
        try:
            yield resolved(cfg), composed.choices
        except OmegaConfBaseException as error:
            raise ConfigError(explain(error)) from None


def _several_processes(cfg: Mapping[str, Any]) -> Iterator[str]:
    trainer = cfg["trainer"]
    devices = trainer.get("devices")
    count = len(devices) if isinstance(devices, list) else devices
    if count not in (0, 1, "1", "auto", None) or trainer.get("num_nodes", 1) != 1:
        yield (
            f"trainer.devices: {devices} cannot work in a multirun: each process would start the "
            "whole sweep; use trainer.devices=1 here, or start the runs one by one without -m"
        )
