"""Answers of commands as JSON that people read, too."""

import json

import pytest

from rnnlab.commands.output import as_json

REPORT = {
    "checkpoint": "a/b.ckpt",
    "test": {"loss": 0.5, "f1": 1.0},
    "verdict": ["as good as it gets, [1]", "é"],
    "report": {
        "of": "label",
        "classes": {name: {"precision": 1.0, "support": 3} for name in "abc"},
        "confusion": {"labels": ["a", "b", "c"], "matrix": [[1, 2, 3], [4, 5, 6], [7, 8, 9]]},
    },
    "scorers": {},
}


@pytest.mark.parametrize("value", [REPORT, {}, [], 3, None, [[]], {"a": [{}, []]}, "text"])
def test_it_is_the_same_value(value):
    assert json.loads(as_json(value)) == value


def test_a_row_of_a_table_is_a_line():
    lines = [line.strip() for line in as_json(REPORT).splitlines()]
    assert '"a": {"precision": 1.0, "support": 3},' in lines
    assert "[4, 5, 6]," in lines
    assert '"loss": 0.5,' in lines
    assert len(lines) == 28
