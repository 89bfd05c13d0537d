"""The jobs of a command line, checked before the first one starts."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnlab.config.command_line import CommandLine
from rnnlab.config.compose import Composed, compose_words, explain, groups, resolved
from rnnlab.config.overrides import each_value, grid, parse
from rnnlab.config.validate import find_problems, validate
from rnnlab.errors import ConfigError, refuse
from rnnlab.runs.sweep_job import Job

OF_SWEEPS = ("sweep", "launcher")
"""What a command line says about several runs: none of them keeps it."""

APART = (*OF_SWEEPS, "hydra", "trust")
"""Overrides that do not tell jobs apart."""

FIT = (
    *("task", "cell", "encoder", "embedding", "characters", "data", "optimizer", "scheduler"),
    *("trainer", "early_stopping", "averaging"),
)
"""What decides whether parts fit."""


def check_jobs(line: CommandLine) -> tuple[Composed, list[Job] | None]:
    """Compose a command line, and check its run or all of its jobs.

    Jobs that choose the same groups are composed once; a search tries each value of its space.

    Returns:
        The configuration of the run or of the first job, and the jobs of a multirun (of a search,
        those that were tried); None where it is one run.

    Raises:
        ConfigError: All problems, one a line.
    """
    first = next(each_value(line.overrides)) if line.multirun else line.overrides
    composed = compose_words("train", first, line.search)
    several = line.multirun or bool(composed.swept)
    alone = Job(0, line.overrides, "", composed.cfg, composed.choices)
    jobs = list(_composed_jobs(line, composed)) if several else [alone]
    problems: dict[str, None] = {}
    fits: dict[str, dict[str, Any]] = {}
    for job in jobs:
        cfg, choices = job.cfg, job.choices
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
    return composed, jobs if several else None


def all_words(line: CommandLine, first: Composed) -> list[str]:
    """The overrides of a multirun, with those that the configuration itself sweeps over."""
    given = {override.key_or_group for override in parse(line.overrides)}
    own = [word for word in first.swept if word.partition("=")[0].lstrip("+") not in given]
    return [*own, *line.overrides]


def _composed_jobs(line: CommandLine, first: Composed) -> Iterator[Job]:
    search = first.cfg["sweep"]["n_trials"]
    jobs: Iterable[list[str]] = (each_value if search else grid)(all_words(line, first))
    return composed_jobs(jobs, line.search)


def compose_job(words: list[str], number: int, search: Path | None) -> Job:
    """One job, composed and checked.

    Raises:
        ConfigError: Its mistakes, one a line.
    """
    (job,) = composed_jobs([words], search, number)
    validate(job.cfg, job.choices)
    return job


def composed_jobs(jobs: Iterable[list[str]], search: Path | None, first: int = 0) -> Iterator[Job]:
    """Jobs from the overrides of each; composed again only where a choice of a group differs."""
    offered, compose = groups("train"), cache(partial(compose_words, "train", search=search))
    for number, words in enumerate(jobs, first):
        overrides = parse(words)
        values = [o for o in overrides if o.key_or_group not in offered and not o.is_delete()]
        composed = compose(tuple(o.input_line or "" for o in overrides if o not in values))
        cfg = composed.hydra.copy()
        OmegaConf.set_struct(cfg, False)
        for override in values:
            OmegaConf.update(cfg, override.key_or_group, override.value(), merge=True)
        try:
            one = {key: value for key, value in resolved(cfg).items() if key not in OF_SWEEPS}
            own = [each for each in overrides if each.key_or_group.split(".")[0] not in APART]
            changes = [each.input_line or "" for each in own]
            yield Job(number, changes, _folder(cfg, number, own), one, composed.choices)
        except OmegaConfBaseException as error:
            raise ConfigError(explain(error)) from None


def _folder(cfg: DictConfig, number: int, overrides: list[Override]) -> str:
    """The name of a job's folder, as `hydra.sweep.subdir` has it."""
    naming = cfg.hydra.job.config.override_dirname
    kept = [each for each in overrides if each.key_or_group not in naming.exclude_keys]
    for node in (cfg.hydra, cfg.hydra.job):
        OmegaConf.set_readonly(node, False)
    cfg.hydra.job.num, cfg.hydra.job.id = number, str(number)
    texts = sorted(each.input_line or "" for each in kept)
    cfg.hydra.job.override_dirname = naming.item_sep.join(texts)
    HydraConfig.instance().set_config(cfg)
    return str(cfg.hydra.sweep.subdir)


def _several_processes(cfg: Mapping[str, Any]) -> Iterator[str]:
    trainer = cfg["trainer"]
    devices = trainer.get("devices")
    count = len(devices) if isinstance(devices, list) else devices
    if count not in (0, 1, "1", "auto", None) or trainer.get("num_nodes", 1) != 1:
        yield (
            f"trainer.devices: {devices} cannot work in a multirun: each process would start the "
            "whole sweep; use trainer.devices=1 here, or start the runs one by one without -m"
        )
