"""Goals and published figures, `docs/results_goals.yaml`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf


@dataclass(frozen=True)
class Metric:
    """How a metric is shown.

    Attributes:
        label: What it is called, with its unit.
        scale: From `metrics.json` to that unit.
        digits: Behind the point.
        lower: Whether less is better.
    """

    label: str
    scale: float = 1.0
    digits: int = 4
    lower: bool = False


@dataclass(frozen=True)
class Goal:
    """What an experiment is to reach, and what others have reached.

    Attributes:
        experiment: Its name.
        metric: Split and metric, `test/f1`.
        overrides: Of its runs, besides the experiment.
        goal: In the metric's unit; None where only published figures are known.
        published: Figures with their source.
        tried: What was tried where the goal is missed.
    """

    experiment: str
    metric: str
    overrides: tuple[str, ...] = ()
    goal: float | None = None
    published: tuple[str, ...] = ()
    tried: str = ""

    def fits(self, experiment: str | None, overrides: Iterable[str]) -> bool:
        """Whether it is the goal of such runs."""
        return experiment == self.experiment and set(self.overrides) <= set(overrides)


@dataclass(frozen=True)
class Goals:
    """The whole file.

    Attributes:
        sections: Tasks by the title of their section.
        others: Title of the section of all other tasks.
        metrics: By name.
        goals: In the order of the file.
    """

    sections: Mapping[str, Sequence[str]]
    others: str
    metrics: Mapping[str, Metric]
    goals: tuple[Goal, ...]

    @classmethod
    def read(cls, path: Path) -> "Goals":
        """The file's content; a TypeError for a key that has no meaning."""
        content: Any = OmegaConf.to_container(OmegaConf.load(path))
        metrics = {name: Metric(**values) for name, values in content.pop("metrics").items()}
        lists = ("overrides", "published")
        goals = tuple(
            Goal(**{k: tuple(v) if k in lists else v for k, v in each.items()})
            for each in content.pop("goals")
        )
        return cls(metrics=metrics, goals=goals, **content)

    def section(self, task: str) -> str:
        """Title of a task's section."""
        return next((title for title, tasks in self.sections.items() if task in tasks), self.others)

    def metric(self, name: str) -> Metric:
        """How a metric is shown, `val/f1` or `f1`."""
        last = name.rpartition("/")[2]
        return self.metrics.get(last, Metric(last))

    def of(self, experiment: str | None, overrides: Sequence[str]) -> Goal | None:
        """The goal of such runs; of several the most special one."""
        fitting = [goal for goal in self.goals if goal.fits(experiment, overrides)]
        return max(fitting, key=lambda goal: len(goal.overrides), default=None)
