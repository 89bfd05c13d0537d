"""Does the half-life of the gradient tell which run will solve its task?"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import spearmanr

from rnnlab.commands.compare.run import LoggedRun, half_life, solved


def correlations(runs: Sequence[LoggedRun]) -> list[str]:
    """Rank correlation of solved with the half-life over the lag, and where the rule fails."""
    lines = []
    for which, when in ((0, "before"), (-1, "after")):
        measured = [(run, life) for run in runs if (life := half_life(run, which)) is not None]
        reach = [life / (run.lag or 1) for run, life in measured]
        done = [bool(solved(run)) for run, _ in measured]
        if len(set(done)) < 2:
            lines.append(f"Spearman's rank correlation {when} training: all runs ended alike.")
            continue
        found = spearmanr(reach, done)
        ratio, success = np.array(reach), np.array(done)
        hopeful, hopeless = int((~success & (ratio >= 1)).sum()), int((success & (ratio < 1)).sum())
        lines.append(
            f"Half-life over lag, measured {when} training, against solved: Spearman's "
            f"rank correlation {found.statistic:.2f} ({len(measured)} runs, p {found.pvalue:.2g}). "
            f"The rule “solved where the half-life is at least the lag” fails in "
            f"{hopeful + hopeless}: {hopeful} long half-lives that did not solve, "
            f"{hopeless} short ones that did."
        )
    return lines


def horizons(runs: Sequence[LoggedRun]) -> dict[tuple[str, str], str]:
    """Of each task and cell the longest lag that was solved, with all shorter ones solved too."""
    found: dict[tuple[str, str], str] = {}
    for run in sorted(runs, key=lambda run: run.lag or 0):
        key = (run.task, str(run.config["cell"]))
        ended = found.get(key, "").startswith("<")
        if ended:
            continue
        if solved(run):
            found[key] = f"{run.lag:g}"
        else:
            found[key] = f"<{run.lag:g}" if key not in found else f"<{run.lag:g} ({found[key]})"
    return {key: _label(value) for key, value in found.items()}


def _label(value: str) -> str:
    if not value.startswith("<"):
        return f"{value} or more"
    inside = value.partition("(")[2].rstrip(")")
    return inside or f"below {value[1:]}"
