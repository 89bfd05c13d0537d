"""Checkpoints of version 0.1 are read with today's names, and give the same results."""

import shutil

import pytest
import torch

from rnnlab.config.renames import CLASSES, OPTIONS, WEIGHTS
from rnnlab.config.trust import shipped
from rnnlab.runs.resume import resume_run
from rnnlab.training import convert as module
from rnnlab.training.checkpoint import load_plain, read_checkpoint
from rnnlab.training.convert import FORMAT, KEY, class_name, convert, layer_name
from runs import small_run, weights

# what the configurations of version 0.1 could name and has moved since
OLD = [
    *("rnnlab.bag.Bag", "rnnlab.encoder.Encoder"),
    *("rnnlab.data.adding.Adding", "rnnlab.data.conll2003.CoNLL2003"),
    *("rnnlab.data.conll_files.CoNLLFiles", "rnnlab.data.copying.Copying"),
    *("rnnlab.data.delayed_recall.DelayedRecall", "rnnlab.data.imdb.IMDb"),
    *("rnnlab.data.imdb_text.IMDbText", "rnnlab.data.label_to_text.NamesOfLabel"),
    *("rnnlab.data.label_to_text.SentimentFilesOfLabel", "rnnlab.data.multi30k.Multi30k"),
    *("rnnlab.data.names.Names", "rnnlab.data.parallel_files.ParallelFiles"),
    *("rnnlab.data.parity.Parity", "rnnlab.data.ptb.PTB", "rnnlab.data.reverse.Reverse"),
    *("rnnlab.data.sentiment_files.SentimentFiles", "rnnlab.data.sst.SST"),
    *("rnnlab.data.sequential_mnist.SequentialMNIST", "rnnlab.data.tatoeba.Tatoeba"),
    *("rnnlab.data.text_files.TextFiles", "rnnlab.data.tinyshakespeare.TinyShakespeare"),
    *("rnnlab.data.ud_english_ewt.UDEnglishEWT", "rnnlab.data.wikigold.WikiGold"),
    *("rnnlab.diagnostics.alarms.Alarms", "rnnlab.diagnostics.attention.AttentionMaps"),
    *("rnnlab.diagnostics.memory.Memory", "rnnlab.diagnostics.projector.Projector"),
    *("rnnlab.diagnostics.samples.Samples", "rnnlab.diagnostics.saturation.Saturation"),
    *("rnnlab.diagnostics.time_flow.TimeFlow", "rnnlab.diagnostics.weight_flow.WeightFlow"),
    *("rnnlab.layers.gru.GRU", "rnnlab.layers.lstm.LSTM", "rnnlab.layers.rnn.RNN"),
    *("rnnlab.nn.characters.CharacterCNN", "rnnlab.nn.characters.CharacterRNN"),
    *("rnnlab.nn.characters.ShapeAlone", "rnnlab.nn.embedding.RandomVectors"),
    *("rnnlab.nn.vectors.FileVectors", "rnnlab.tasks.classify.Classify"),
    *("rnnlab.tasks.generate.Generate", "rnnlab.tasks.language_model.LanguageModel"),
    *("rnnlab.tasks.regress.Regress", "rnnlab.tasks.tag.Tag", "rnnlab.tasks.translate.Translate"),
]


@pytest.fixture
def renamed(monkeypatch):
    """Tables of the test's own."""
    monkeypatch.setattr(module, "CLASSES", {"a.A": "b.A", "b.A": "c.B", "x.X": "y.X"})
    options = {"task.beam": "task.num_beams", "seed_of_all": "seed", "gone.x": "nowhere.x"}
    monkeypatch.setattr(module, "OPTIONS", options)
    monkeypatch.setattr(module, "WEIGHTS", {"ahead": "onward", "back": "ahead"})


def old(**parts):
    cfg = {
        "task": {"_target_": "a.A", "beam": 3, "parts": [{"_target_": "x.X"}, 5]},
        "cell": {"_target_": "z.Z", "beam": 4},
        "seed_of_all": 7,
    }
    return {KEY: {"format": 1, "config": cfg, "spec": {"kind": "label"}}, **parts}


def test_names_of_classes_options_and_weights_are_todays(renamed):
    weights = {"encoder.layers.0.ahead.bias": 1, "encoder.layers.0.back.bias": 2, "headback.x": 3}
    content = old(state_dict=weights, current_state_dict=dict(weights), epoch=4)
    found = convert(content)
    assert found[KEY] == {
        "format": FORMAT,
        "spec": {"kind": "label"},
        "config": {
            "task": {"_target_": "c.B", "num_beams": 3, "parts": [{"_target_": "y.X"}, 5]},
            "cell": {"_target_": "z.Z", "beam": 4},
            "seed": 7,
        },
    }
    expected = {"encoder.layers.0.onward.bias": 1, "encoder.layers.0.ahead.bias": 2}
    assert found["state_dict"] == found["current_state_dict"] == {**expected, "headback.x": 3}
    assert found["epoch"] == 4
    assert content == old(state_dict=weights, current_state_dict=weights, epoch=4)  # untouched
    assert layer_name("encoder.0.back/cell") == "encoder.0.ahead/cell"


def test_what_is_of_today_or_no_checkpoint_stays_as_it_is(renamed):
    today = old(state_dict={"ahead": 1})
    today[KEY]["format"] = FORMAT
    for content in (today, [], None, {}, {KEY: []}, {KEY: {"format": 99}}):
        assert convert(content) is content


@pytest.mark.parametrize("cfg", [None, [], {"task": 3}, {"task": None}, {"_target_": ["a.A"]}])
def test_damaged_content_is_left_to_who_reads_it(renamed, cfg):
    content = {"state_dict": 3, KEY: {"format": 1, "config": cfg}}
    assert convert(content) == {"state_dict": 3, KEY: {"format": FORMAT, "config": cfg}}
    assert convert({KEY: {"format": 1}}) == {KEY: {"format": FORMAT}}


def test_every_class_of_version_0_1_is_found_today():
    assert {class_name(name) for name in OLD} <= shipped()
    assert {class_name(name) for name in CLASSES} <= shipped()


def as_of_version_0_1(file):
    """Save a checkpoint anew, with the names of then."""
    content = load_plain(file)
    state = content[KEY]
    former = {class_name(name): name for name in OLD}
    layers = {new: old for old, new in WEIGHTS.items()}
    for node in [state["config"], *state["config"]["diagnostics"].values()]:
        for part in (node or {}).values() if isinstance(node, dict) else ():
            if isinstance(part, dict) and "_target_" in part:
                part["_target_"] = former.get(part["_target_"], part["_target_"])
    for name, new in OPTIONS.items():
        group, _, option = new.partition(".")
        if option in (state["config"].get(group) or {}):
            value = state["config"][group].pop(option)
            state["config"][group][name.partition(".")[2]] = value
    for key in ("state_dict", "current_state_dict"):
        if key in content:
            content[key] = {
                ".".join(layers.get(part, part) for part in name.split(".")): value
                for name, value in content[key].items()
            }
    state["format"] = 1
    torch.save(content, file)


def test_an_old_run_is_resumed_as_if_it_were_of_today(tmp_path):
    """Bit for bit, with all that may have another name: directions, classes, options, the mean."""
    words = ["cell=lstm", "encoder.bidirectional=true", "averaging.patience=0", "optimizer.lr=0.5"]
    small_run(tmp_path / "new", *words)
    shutil.copytree(tmp_path / "new", tmp_path / "old")
    for name in ("best", "last"):
        file = tmp_path / f"old/checkpoints/{name}.ckpt"
        as_of_version_0_1(file)
        stored = torch.load(file, weights_only=True)
        assert stored[KEY]["config"]["checkpoint"]["share"] == 0.01
        assert stored[KEY]["config"]["encoder"]["_target_"] == "rnnlab.encoder.Encoder"
    expected = read_checkpoint(tmp_path / "new/checkpoints/best.ckpt")
    found = read_checkpoint(tmp_path / "old/checkpoints/best.ckpt")
    assert found.cfg == expected.cfg
    assert found.state_dict.keys() == expected.state_dict.keys()
    new, old = (
        resume_run(tmp_path / name, ["trainer.max_epochs=4"], []).record for name in ("new", "old")
    )
    assert new["test"] == old["test"]
    final, other = (weights(tmp_path / name / "checkpoints/last.ckpt") for name in ("new", "old"))
    assert final.keys() == other.keys()
    for name, value in final.items():
        assert torch.equal(value, other[name]), name
