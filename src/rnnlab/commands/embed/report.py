"""What an evaluation says, as a table and as plain values."""

from typing import Any

from rnnlab.commands.embed.score import Accuracy, Correlation, Evaluation

TITLES = {"wordsim353": "WordSim-353", "simlex999": "SimLex-999"}


def rows(found: Evaluation) -> list[dict[str, Any]]:
    """One row a test: its score, and how many of its questions or pairs could be asked."""
    groups = {
        "analogies": found.analogies,
        "  semantic": found.semantic,
        "  syntactic": found.syntactic,
        **{f"    {name}": score for name, score in found.sections.items()},
    }
    table = [_row(name, "accuracy", score) for name, score in groups.items()]
    return table + [
        _row(TITLES[name], "Spearman", score) for name, score in found.similarities.items()
    ]


def _row(name: str, measure: str, score: Accuracy | Correlation) -> dict[str, Any]:
    covered = f"{score.covered:,} of {score.total:,}"
    return {"test": name, "measure": measure, "score": score.value, "covered": covered}


def record(found: Evaluation) -> dict[str, Any]:
    """All figures for `evaluation.json`; null where there is none."""
    return {
        "analogies": {
            **_accuracy(found.analogies),
            "semantic": _accuracy(found.semantic),
            "syntactic": _accuracy(found.syntactic),
            "sections": {name: _accuracy(score) for name, score in found.sections.items()},
        },
        **{
            name: {"spearman": score.value, "covered": score.covered, "total": score.total}
            for name, score in found.similarities.items()
        },
    }


def _accuracy(score: Accuracy) -> dict[str, Any]:
    return {
        "accuracy": score.value,
        "right": score.right,
        "covered": score.covered,
        "total": score.total,
    }
