"""Groups of runs that differ only in their seed, and the options that tell groups apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rnnlab.commands.compare.run import LoggedRun
from rnnlab.config.hints import suggest
from rnnlab.errors import ConfigError
from rnnlab.runs.tables import MISSING

BYSTANDERS = (
    *("resume", "trust", "checkpoint", "logger", "diagnostics", "data.root", "embedding.root"),
    *("trainer.enable_progress_bar", "trainer.log_every_n_steps"),
)
"""Options that change what is known about a run, not its results."""

MANY = 7
"""With more groups than this the first option that tells them apart decides the colours."""


CROWD = 8
"""With more groups than this the second option that tells them apart decides the panels."""

FACETS = range(2, 13)
"""How many panels an option may make that is not asked for."""

NO_FACET = "none"
"""Asks for all groups in one panel."""


@dataclass(frozen=True)
class Group:
    """Runs of one configuration with different seeds.

    Attributes:
        label: What tells it from the other groups, as short as possible.
        runs: At least one.
        family: Value of the option that decides the colour; None where each group has its own.
        facet: Value of the option that decides the panel; None where all are in one.
        entry: Its name in the legend, which groups of several facets share.
    """

    label: str
    runs: tuple[LoggedRun, ...]
    family: str | None
    facet: str | None = None
    entry: str = ""

    def __post_init__(self) -> None:
        """Without facets each group has an entry of its own."""
        object.__setattr__(self, "entry", self.entry or self.label)


def all_runs(groups: Sequence[Group]) -> list[LoggedRun]:
    """The runs of all groups, in order."""
    return [run for group in groups for run in group.runs]


def run_numbers(groups: Sequence[Group]) -> dict[str, int]:
    """Numbers of the runs by their folder, in the order of `all_runs`."""
    return {str(run.folder): number for number, run in enumerate(all_runs(groups))}


def by_facet(groups: Sequence[Group]) -> list[tuple[str | None, list[int]]]:
    """Of each facet its name and the numbers of its groups."""
    facets = dict.fromkeys(group.facet for group in groups)
    return [(f, [n for n, group in enumerate(groups) if group.facet == f]) for f in facets]


def group_runs(
    runs: Sequence[LoggedRun], by: str | None = None, facet: str | None = None
) -> list[Group]:
    """Groups in the order of their first run, those with the same value of `by` together.

    Args:
        runs: Runs to compare.
        by: An option that decides the colours and comes first in the labels. With `seed` each run
            is a group of its own.
        facet: An option that decides which panel a group is in; `none` for none. Without one it is
            chosen where there are more than `CROWD` groups.

    Raises:
        ConfigError: No run has that option.
    """
    for name, key in (("by", by), ("facet", facet)):
        if key is not None and key not in (NO_FACET, *_options(runs)):
            raise ConfigError(
                f"{name}: no run has an option '{key}'; {suggest(key, _options(runs))}"
            )
    settings = _settings(runs, by)
    members: dict[frozenset[tuple[str, str]], list[int]] = {}
    for index, setting in enumerate(settings):
        members.setdefault(frozenset(setting.items()), []).append(index)
    keys = _telling_apart([settings[first] for first, *_ in members.values()], by)
    if facet is None and len(members) > CROWD:
        facet = _facet(runs, [key for key in keys if key != (by or keys[0])])
    facet = None if facet == NO_FACET else facet
    rest = [key for key in keys if key != facet]
    many = len({tuple(runs[first].shown(key) for key in rest) for first, *_ in members.values()})
    colouring = by or (rest[0] if many > MANY else None)
    groups = []
    for indices in members.values():
        mine = tuple(runs[index] for index in indices)
        family = mine[0].shown(colouring) if colouring else None
        panel = _label(mine[0], [facet]) if facet else None
        entry = _label(mine[0], rest) if facet else ""
        groups.append(Group(_label(mine[0], keys), mine, family, panel, entry))
    families = list(dict.fromkeys(group.family for group in groups))
    return sorted(groups, key=lambda group: families.index(group.family))


def check_comparable(runs: Sequence[LoggedRun]) -> None:
    """Check that the tasks of runs have a metric in common, where there are several.

    Raises:
        ConfigError: They have not; names the tasks.
    """
    measured: dict[str, set[str]] = {}
    for run in runs:
        metrics = measured.setdefault(run.task, set())
        if run.record is None:
            metrics |= set(run.metrics) - {"val/loss"}
        else:
            metrics.add(str(run.record["monitor"]))
    if len(measured) > 1 and not set.intersection(*measured.values()):
        tasks = (f"{t} ({', '.join(sorted(m)) or 'nothing yet'})" for t, m in measured.items())
        raise ConfigError(f"runs of different tasks have no metric in common: {'; '.join(tasks)}")


def differences(groups: Sequence[Group]) -> dict[str, list[str]]:
    """Every option that is not the same in all runs, with its values in each group."""
    runs = all_runs(groups)
    table: dict[str, list[str]] = {}
    for key in _options(runs):
        if all(_is_seed(run, key) for run in runs) or len({run.shown(key) for run in runs}) == 1:
            continue
        values = (dict.fromkeys(run.shown(key) for run in group.runs) for group in groups)
        table[key] = [", ".join(each) for each in values]
    return table


def _options(runs: Sequence[LoggedRun]) -> list[str]:
    return list(dict.fromkeys(key for run in runs for key in run.config))


def _settings(runs: Sequence[LoggedRun], by: str | None) -> list[dict[str, str]]:
    """The options of each run that decide which group it belongs to.

    A `data.seed` that follows the seed does not: it equals the seed, and no run that differs in
    its seeds alone has the same `data.seed` with another seed.
    """
    settings = [
        {k: run.shown(k) for k in run.config if k == by or not _is_bystander(k)} for run in runs
    ]
    without_seeds = [
        frozenset((k, v) for k, v in each.items() if not k.endswith(".seed")) for each in settings
    ]
    result = []
    for run, setting, plain in zip(runs, settings, without_seeds, strict=True):
        alike = [other for other, its in zip(runs, without_seeds, strict=True) if its == plain]
        fixed = {
            k: v
            for k, v in setting.items()
            if k == by
            or not _is_seed(run, k)
            or any(o.seed != run.seed and o.config.get(k) == run.config[k] for o in alike)
        }
        result.append(fixed)
    return result


def _is_bystander(key: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in ("seed", *BYSTANDERS))


def _is_seed(run: LoggedRun, key: str) -> bool:
    return key.endswith(".seed") and run.config.get(key) == run.seed


def _telling_apart(settings: Sequence[Mapping[str, str]], by: str | None) -> list[str]:
    """A few options that tell all groups apart, in the configuration's order.

    Whole components first (`cell` says more than `cell.forget_bias`), then what tells most.
    """
    known = list(dict.fromkeys(key for each in settings for key in each))
    chosen = [key for key in known if key == by]

    def distinct(*more: str) -> int:
        keys = [*chosen, *more]
        return len({tuple(each.get(key, MISSING) for key in keys) for each in settings})

    while (before := distinct()) < len(settings):
        gains = {key: distinct(key) for key in known if distinct(key) > before}
        chosen.append(max(gains, key=lambda key: ("." not in key, gains[key])))
    return sorted(chosen, key=lambda key: (key != by, known.index(key)))


def _facet(runs: Sequence[LoggedRun], keys: Sequence[str]) -> str | None:
    """The first of these options that makes a few panels; None where none does."""
    return next((key for key in keys if len({run.shown(key) for run in runs}) in FACETS), None)


def _label(run: LoggedRun, keys: Sequence[str]) -> str:
    """Options of a run in words: a component by its class alone, an option by its last name."""
    ends = [key.rpartition(".")[2] for key in keys]
    names = [end if ends.count(end) == 1 else key for key, end in zip(keys, ends, strict=True)]
    words = [
        run.shown(key) if key in run.targets else f"{name}={run.shown(key)}"
        for key, name in zip(keys, names, strict=True)
        if key in run.config
    ]
    return " ".join(words) or f"{run.task} {run.shown('cell')}"
