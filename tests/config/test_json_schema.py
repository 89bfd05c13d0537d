"""The schema for editors: all shipped files are valid by it, mistakes are not."""

import pytest
from jsonschema import Draft202012Validator

from rnnlab.config.files import config_dir, read_yaml
from rnnlab.config.json_schema import json_schema


@pytest.fixture(scope="module")
def validator():
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_every_shipped_file_is_valid(validator):
    files = sorted(config_dir().rglob("*.yaml"))
    assert len(files) > 80
    for file in files:
        assert validator.is_valid(read_yaml(file) or {}), file


@pytest.mark.parametrize(
    "content",
    [
        {"_target_": "rnnlab.layers.lstm.LSTM", "hiden_size": 3},
        {"_target_": "rnnlab.layers.lstm.LSTM", "hidden_size": 0},
        {"_target_": "rnnlab.layers.lstm.LSTM", "hidden_size": "many"},
        {"_target_": "rnnlab.layers.lstm.LSTM", "init": "zeros"},
        {"_target_": "os.system"},
        {"cell": {"hiden_size": 3}},
        {"cell": {"hidden_size": 0}},
        {"sead": 3},
        {"seed": -1},
        {"checkpoint": {"every": 3}},
        {"diagnostics": {"time_flow": {"every_n_steps": 0}}},
        {"diagnostics": {"time_flw": {"every_n_steps": 1}}},
        {"task": {"dropout": 1.0}},
    ],
    ids=str,
)
def test_mistakes_are_underlined(content, validator):
    assert not validator.is_valid(content)


@pytest.mark.parametrize(
    "content",
    [
        {"_target_": "rnnlab.layers.lstm.LSTM", "hidden_size": 3},
        {"_target_": "rnnlab.layers.lstm.LSTM", "hidden_size": "${data.lag}"},
        {"cell": {"hidden_size": 3}, "defaults": [{"override /task": "ner"}], "seed": 2},
        {"diagnostics": {"time_flow": {"every_n_steps": 1}, "max_overhead": 0.5}},
        {"hidden_size": 3, "defaults": ["lstm"]},
    ],
    ids=str,
)
def test_what_is_right_is_not(content, validator):
    assert validator.is_valid(content)
