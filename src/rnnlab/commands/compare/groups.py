"""Runs that differ in their seed alone, and what tells such groups apart."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnnlab.commands.compare.run import Run
from rnnlab.errors import ConfigError

BYSTANDERS = (
    *("resume", "trust", "checkpoint", "logger", "diagnostics", "data.root", "embedding.root"),
    *("trainer.enable_progress_bar", "trainer.log_every_n_steps"),
)
"""Options that change what is said about a run, not what comes out of it."""

MANY = 7
"""From more groups than this on the first option that tells them apart decides the colours."""

ABSENT = "-"
"""Shown for an option that a run does not have."""


@dataclass(frozen=True)
class Group:
    """Runs of one configuration with different seeds.

    Attributes:
        label: What tells it from the other groups, in as few words as will do.
        runs: At least one.
        family: Value of the option that decides the colour; None where each group has its own.
    """

    label: str
    runs: tuple[Run, ...]
    family: str | None

    def having(self, status: str) -> list[Run]:
        """Its runs that ended, or have not ended, in this way."""
        return [run for run in self.runs if run.status == status]


def group_runs(runs: Sequence[Run], by: str | None = None) -> list[Group]:
    """Groups in the order of their first run, those of one `by` value together.

    Args:
        runs: Runs to compare.
        by: An option that decides the colours and comes first in the labels. With `seed` each run
            is a group of its own.

    Raises:
        ConfigError: No run has that option.
    """
    if by is not None:
        _check_known(by, runs)
    identities = _identities(runs, by)
    members: dict[frozenset[tuple[str, str]], list[int]] = {}
    for index, identity in enumerate(identities):
        members.setdefault(frozenset(identity.items()), []).append(index)
    groups = [[runs[index] for index in each] for each in members.values()]
    keys = _telling([identities[first] for first, *_ in members.values()], by)
    names = _short_names(keys)
    labels = [" ".join(_words(names, group[0])) for group in groups]
    colouring = by or (keys[0] if len(groups) > MANY else None)
    families = [colouring and shown(value_of(group[0], colouring)) for group in groups]
    made = [
        Group(label or _plain_name(group[0]), tuple(group), family)
        for label, group, family in zip(labels, groups, families, strict=True)
    ]
    order = list(dict.fromkeys(families))
    return sorted(made, key=lambda group: order.index(group.family))


def check_comparable(runs: Sequence[Run]) -> None:
    """Runs of several tasks are compared only where they are measured alike.

    Raises:
        ConfigError: They are not; names the tasks.
    """
    measured: dict[str, set[str]] = {}
    for run in runs:
        mine = measured.setdefault(run.task, set())
        if run.record is None:
            mine |= set(run.metrics) - {"val/loss"}
        else:
            mine.add(str(run.record["monitor"]))
    if len(measured) > 1 and not set.intersection(*measured.values()):
        said = "; ".join(
            f"{task} ({', '.join(sorted(names)) or 'nothing yet'})"
            for task, names in measured.items()
        )
        raise ConfigError(f"runs of different tasks have no metric in common: {said}")


def differences(groups: Sequence[Group]) -> dict[str, list[str]]:
    """Every option that is not the same in all runs, with its values in each group."""
    keys = dict.fromkeys(key for group in groups for run in group.runs for key in run.config)
    table: dict[str, list[str]] = {}
    for key in keys:
        if all(_follows_seed(run, key) for group in groups for run in group.runs):
            continue
        values = [
            list(dict.fromkeys(shown(value_of(run, key)) for run in group.runs)) for group in groups
        ]
        if len({value for each in values for value in each}) > 1:
            table[key] = [", ".join(each) for each in values]
    return table


def value_of(run: Run, key: str) -> Any:
    """An option's value in a run; for `task` its name."""
    return run.task if key == "task" else run.config.get(key, ABSENT)


def shown(value: Any) -> str:
    """A value as YAML would write it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _identities(runs: Sequence[Run], by: str | None) -> list[dict[str, str]]:
    """Of each run what those of its group have in common.

    A `data.seed` that follows the seed is the seed: it equals it, and no run that is the same but
    for its seeds has that value with another seed.
    """
    said = [
        {
            key: shown(value_of(run, key))
            for key in run.config
            if key == by
            or not any(key == name or key.startswith(f"{name}.") for name in ("seed", *BYSTANDERS))
        }
        for run in runs
    ]
    alike: dict[frozenset[tuple[str, str]], list[Run]] = {}
    plain = [{k: v for k, v in each.items() if not k.endswith(".seed")} for each in said]
    for run, each in zip(runs, plain, strict=True):
        alike.setdefault(frozenset(each.items()), []).append(run)

    def follows(run: Run, key: str, others: Sequence[Run]) -> bool:
        value = run.config[key]
        fixed = any(o.config.get(key) == value and o.seed != run.seed for o in others)
        return _follows_seed(run, key) and not fixed

    return [
        {
            key: value
            for key, value in each.items()
            if key == by or not follows(run, key, alike[frozenset(bare.items())])
        }
        for run, each, bare in zip(runs, said, plain, strict=True)
    ]


def _follows_seed(run: Run, key: str) -> bool:
    return key.endswith(".seed") and run.config.get(key) == run.seed


def _telling(identities: Sequence[Mapping[str, str]], by: str | None) -> list[str]:
    """A few options that tell all groups apart, in the configuration's order.

    Whole components first (`cell` says more than `cell.forget_bias`), then what tells most.
    """
    known = list(dict.fromkeys(key for each in identities for key in each))
    chosen = [key for key in known if key == by]

    def told(*more: str) -> int:
        keys = [*chosen, *more]
        return len({tuple(each.get(key, ABSENT) for key in keys) for each in identities})

    while (apart := told()) < len(identities):
        gains = {key: told(key) for key in known if told(key) > apart}
        chosen.append(max(gains, key=lambda key: ("." not in key, gains[key])))
    return sorted(chosen, key=lambda key: (key != by, known.index(key)))


def _short_names(keys: Sequence[str]) -> dict[str, str]:
    ends = [key.rpartition(".")[2] for key in keys]
    return {key: end if ends.count(end) == 1 else key for key, end in zip(keys, ends, strict=True)}


def _words(names: Mapping[str, str], run: Run) -> Iterator[str]:
    """An option that the run lacks is passed over; a component is named by its class alone."""
    for key, name in names.items():
        if key in run.config:
            value = shown(value_of(run, key))
            yield value if key in run.targets else f"{name}={value}"


def _plain_name(run: Run) -> str:
    return f"{run.task} {shown(value_of(run, 'cell'))}"


def _check_known(by: str, runs: Sequence[Run]) -> None:
    keys = dict.fromkeys(key for run in runs for key in run.config)
    if by in keys:
        return
    near = [key for key in keys if key.rpartition(".")[2] == by]
    near = near or difflib.get_close_matches(by, keys, n=3, cutoff=0.6)
    if near:
        raise ConfigError(f"by: no run has an option '{by}'; did you mean {' or '.join(near)}?")
    tops = dict.fromkeys(key.partition(".")[0] for key in keys)
    raise ConfigError(
        f"by: no run has an option '{by}'; there are seed, cell, optimizer.lr and all others of "
        f"{', '.join(tops)}"
    )
