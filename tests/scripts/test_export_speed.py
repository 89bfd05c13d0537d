"""Times of an exported model beside those of torch, of a tiny run."""

import jaxtyping
import pytest

import export_speed


@pytest.mark.programs
def test_both_answer_alike_one_by_one_and_together(tiny_run):
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        found = list(export_speed.rows(tiny_run("sentiment").folder, count=8, rounds=1))
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
    assert [row[1] for row in found] == ["1", "32"]
    for name, _, *times in found:
        assert name.endswith(", 8 of 8 answers the same")
        assert all(float(each) > 0 for each in times)
