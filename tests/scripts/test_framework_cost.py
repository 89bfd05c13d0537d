"""Steps of a run against loops of the same model, on a generated corpus."""

import math
from dataclasses import replace
from pathlib import Path

import framework_cost
from bench.corpora import Corpus
from bench.duel import MINE
from bench.problems import NER
from framework_cost import LOOPS, Case, measure, row, table


def test_rounds_go_on_over_epochs(tmp_path: Path) -> None:
    problem = replace(NER, hidden=4, embedding=3, batch_size=8)
    words = problem.generated(tmp_path, Corpus(train=40, words=9, longest=6))
    duel = measure(problem, words, steps=2, rounds=5)  # two rounds an epoch, and one batch more
    assert duel.seconds.keys() == {MINE, *LOOPS}
    assert {len(seconds) for seconds in duel.seconds.values()} == {5}
    assert len(duel.tokens) == 5
    assert min(map(min, duel.seconds.values())) > 0
    assert len({duel.parameters[name] for name in (MINE, *LOOPS)}) == 1


def test_time_ends_a_run(tmp_path: Path) -> None:
    problem = replace(NER, hidden=4, embedding=3, batch_size=8)
    words = problem.generated(tmp_path, Corpus(train=40, words=9, longest=6))
    duel = measure(problem, words, steps=1, rounds=1000, budget=0.0)
    assert len(duel.tokens) == 1


def test_figures_of_a_case(monkeypatch) -> None:
    monkeypatch.setattr(framework_cost, "CHUNK", 2)
    seconds = {MINE: [2.0, 4.0, 6.0], LOOPS[0]: [1.0, 2.0, 3.0], LOOPS[1]: [4.0, 4.0, 4.0]}
    found = row("a case", Case(NER, 1.1), seconds)
    assert found["milliseconds"] == {MINE: 2000.0, LOOPS[0]: 1000.0, LOOPS[1]: 2000.0}
    assert found["slower"] == {LOOPS[0]: 2.0, LOOPS[1]: 1.0}
    assert math.isclose(found["spread"][MINE], 0.5)
    cells = [cell.strip() for cell in table([found]).splitlines()[-1].split("|")[1:-1]]
    assert cells == [
        "a case",
        "2000.00",
        "1000.00; 2.000 (total 2.000)",
        "2000.00; 1.000 (total 1.000)",
    ]
