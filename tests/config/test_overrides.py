"""Words to overrides, grids to single runs, changed values in a configuration that was stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.config.compose import compose_words, explain
from rnnlab.config.overrides import each_value, grid, override_values, parse
from rnnlab.errors import ConfigError

STORED = {"seed": 1, "cell": {"_target_": "X", "size": 3}, "data": {"file": "a"}, "trust": []}


def test_the_task_chooses_data_and_the_user_overrides_it():
    assert compose_words("train", ["task=ner"]).choices["data"] == "conll2003"
    for words in (["task=ner", "data=copying"], ["data=copying", "task=ner"]):
        assert compose_words("train", words).choices["data"] == "copying"


def test_later_words_win():
    assert compose_words("train", ["seed=1", "seed=2"]).cfg["seed"] == 2


def test_values_are_plain():
    def plain(value):
        if isinstance(value, dict):
            return all(type(key) is str and plain(child) for key, child in value.items())
        if isinstance(value, list):
            return all(map(plain, value))
        return value is None or type(value) in (bool, int, float, str)

    assert plain(compose_words("train", ["task=ner", "diagnostics=full"]).cfg)


def test_every_value_of_a_grid_is_tried_once():
    words = ["cell=rnn,gru", "seed=1,2,3", "data.lag=5", "optimizer.lr=interval(0.1,1)"]
    runs = [tuple(run) for run in each_value(words)]
    assert runs[0] == ("cell=rnn", "seed=1", "data.lag=5", "optimizer.lr=0.1")
    assert set(runs[1:]) == {
        ("cell=gru", "seed=1", "data.lag=5", "optimizer.lr=0.1"),
        ("cell=rnn", "seed=2", "data.lag=5", "optimizer.lr=0.1"),
        ("cell=rnn", "seed=3", "data.lag=5", "optimizer.lr=0.1"),
        ("cell=rnn", "seed=1", "data.lag=5", "optimizer.lr=1.0"),
    }


def test_a_grid_is_every_combination_in_the_order_of_the_sweeper():
    assert list(grid(["cell=rnn,gru", "seed=range(1,3)", "data.lag=5"])) == [
        ["cell=rnn", "seed=1", "data.lag=5"],
        ["cell=rnn", "seed=2", "data.lag=5"],
        ["cell=gru", "seed=1", "data.lag=5"],
        ["cell=gru", "seed=2", "data.lag=5"],
    ]


def test_kinds_of_sweeps():
    assert list(each_value(["seed=1"])) == [["seed=1"]]
    assert list(each_value(["seed=range(1,3)"])) == [["seed=1"], ["seed=2"]]
    assert list(each_value(["cell=choice(rnn,lstm)"])) == [["cell=rnn"], ["cell=lstm"]]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_a_grid_is_tried_in_as_many_runs_as_it_has_values(sizes):
    words = [f"k{i}={','.join(map(str, range(size)))}" for i, size in enumerate(sizes)]
    runs = list(each_value(words))
    assert len(runs) == 1 + sum(size - 1 for size in sizes)
    tried = {word for run in runs for word in run}
    assert tried == {f"k{i}={v}" for i, size in enumerate(sizes) for v in range(size)}


def test_all_words_that_are_none_are_told():
    with pytest.raises(ConfigError) as caught:
        parse(["hello", "seed=1", "cell=["])
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["hello", "cell=["]


def test_values_of_a_stored_configuration_change():
    changed = override_values(STORED, ["seed=2", "cell.size=4", "data.new='a=b'", "trust=[x]"])
    assert changed == {
        "seed": 2, "cell": {"_target_": "X", "size": 4}, "data": {"file": "a", "new": "a=b"},
        "trust": ["x"],
    }  # fmt: skip
    assert STORED["seed"] == 1
    assert STORED["cell"]["size"] == 3


def test_texts_with_dollars_are_not_looked_up():
    stored = STORED | {"data": {"file": "${oc.env:HOME}"}}
    assert override_values(stored, [])["data"]["file"] == "${oc.env:HOME}"
    assert override_values(stored, ["data.x='${seed}'"])["data"]["x"] == "${seed}"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("cell=gru", "cell: single options can be changed here, not the whole group"),
        ("~seed", "~seed: one value is needed here"),
        ("seed=1,2", "seed=1,2: one value is needed here"),
        ("sead=1", "sead: the configuration has no such option"),
        ("nothing.x=1", "nothing.x: the configuration has no such option"),
        ("seed.x=1", "seed.x: the configuration has no such option"),
    ],
)
def test_changes_that_have_no_place(word, message):
    with pytest.raises(ConfigError) as caught:
        override_values(STORED, [word])
    assert str(caught.value) == message


def test_an_error_without_words_has_a_name():
    assert explain(ValueError()) == "ValueError"
    assert explain(ValueError("\n first \nsecond")) == "first"
