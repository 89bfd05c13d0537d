"""`rnnlab analyze` as people use it: what it prints and leaves, and what it refuses."""

import json
import math
import shutil

import pytest
import torch

from rnnlab.commands.analyze import command
from tiny import SMALL, call, refused, write

QUICK = ["steps=24", "streams=3", "transient=8", "batches=2"]
FIGURES = {"lyapunov", "time_flow", "memory", "influence", "time_scales", "gates"}
FIGURES |= {"eigenvalues", "singular_values", "fixed_points"}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def no_figures(monkeypatch):
    """For tests of the numbers: drawing is most of the time."""
    monkeypatch.setattr(command, "write_page", lambda *given: None)


def analyze(capsys, *words):
    said = call(capsys, "analyze", *words, *QUICK)
    assert (said.code, said.err) == (0, ""), said.err
    return said


def test_what_it_says_and_leaves(tiny_run, capsys, here):
    run = tiny_run("sentiment")
    shutil.copytree(run.folder, here / "run")
    before = (here / "run/checkpoints/best.ckpt").read_bytes()
    said = analyze(capsys, "checkpoint=run")
    assert (here / "run/checkpoints/best.ckpt").read_bytes() == before
    folder = here / "run" / "analysis"
    assert said.out.endswith(f"page     {folder.relative_to(here) / 'analysis.html'}\n")
    assert {file.stem for file in folder.glob("*.png")} == FIGURES
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in folder.glob("*.png"))
    result = json.loads((folder / "analysis.json").read_text())
    assert result["data"] == "sentiment_files"
    (layer,) = result["layers"].values()
    assert list(result["layers"]) == ["encoder.0"]
    assert (layer["cell"], layer["output_size"], layer["state_size"]) == ("LSTM", 8, 16)
    found = layer["lyapunov"]
    assert len(found["exponents"]) == len(found["standard_errors"]) == 8
    assert found["exponents"] == sorted(found["exponents"], reverse=True)
    assert (found["steps"], found["streams"]) == (24, 3)
    assert f"{found['exponents'][0]:+.4f}" in said.out
    assert found["verdict"] in said.out
    for curves in (layer["time_flow"], layer["memory"]):
        assert set(curves) == {"encoder.0", "encoder.0/cell"}
    known = layer["memory"]["encoder.0"]["log10_norm_by_lag"]
    assert known[0] == pytest.approx(math.log10(math.sqrt(8)), abs=0.15)  # dh_T/dh_T = I
    rest = layer["fixed_points"]
    assert sum(p["attracted"] for p in rest["points"]) + rest["restless"] == rest["starts"]
    assert all(len(p["state"]) == len(p["eigenvalues"]) == 16 for p in rest["points"])
    assert "Left alone with its mean input, encoder.0 " in " ".join(said.out.split())
    assert len(layer["recurrent"]["forget"]["eigenvalues"]) == 8
    largest = layer["recurrent"]["forget"]["singular_values"][0]
    assert largest == layer["recurrent"]["forget"]["norm"]
    scales = layer["time_scales"]["forget"]["steps"]
    means = layer["gates"]["mean_by_unit"]["forget"]
    assert scales == pytest.approx([-1 / math.log(mean) for mean in means])
    assert result["text"][0] in " ".join(said.out.split())
    assert max(len(line) for line in said.out.split("\n\n")[1].splitlines()) <= 80
    assert "By its forget gate a unit remembers" in result["text"][0]


@pytest.mark.usefixtures("no_figures")
def test_the_same_seed_gives_the_same_numbers(tiny_run, capsys, here):
    run = tiny_run("ner")
    results = []
    for number, seed in enumerate([1, 1, 2]):
        words = [f"checkpoint={run.best}", f"seed={seed}", f"output=out{number}", "k=2"]
        analyze(capsys, *words)
        result = json.loads((here / f"out{number}/analysis.json").read_text())
        results.append(result["layers"])
    assert results[0] == results[1]
    assert results[0] != results[2]
    (layer,) = results[0].values()
    assert len(layer["lyapunov"]["exponents"]) == 2


@pytest.mark.usefixtures("no_figures")
def test_other_data_and_a_carried_state(tiny_run, capsys, here):
    run = tiny_run("sentiment")
    file = write(here / "other.tsv", "the film was good good good good\tpos\nbad\tneg\n")
    found = []
    for carry in ("false", "true"):
        words = ["data=sentiment_files", f"data.test={file}", f"carry={carry}", "output=out"]
        analyze(capsys, f"checkpoint={run.folder}", *words)
        result = json.loads((here / "out/analysis.json").read_text())
        assert result["median_length"] == 4
        (layer,) = result["layers"].values()
        assert (layer["lyapunov"]["sequences"], layer["lyapunov"]["streams"]) == (2, 2)
        found.append(layer["lyapunov"]["exponents"])
    assert found[0] != found[1]


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_layers_directions_and_a_lag(cell, capsys, here):
    words = ["task=delayed_recall", "data.lag=6", "data.train_size=64", "data.val_size=16"]
    stack = ["encoder.num_layers=2", "encoder.bidirectional=true", f"cell={cell}"]
    folder = ["data.test_size=16", "hydra.run.dir=run"]
    assert call(capsys, "train", *words, *SMALL, *stack, *folder).code == 0
    said = analyze(capsys, "checkpoint=run", "k=8")
    result = json.loads((here / "run/analysis/analysis.json").read_text())
    assert result["lag"] == 6
    assert list(result["layers"]) == [
        f"encoder.{i}.{direction}" for i in range(2) for direction in ("forward", "backward")
    ]
    assert len(result["text"]) == 5
    assert all(name in said.out for name in result["layers"])
    scales = {gate for layer in result["layers"].values() for gate in layer["time_scales"]}
    assert scales == ({"update"} if cell == "gru" else set())
    drawn = {file.stem for file in (here / "run/analysis").glob("*.png")}
    assert drawn == (FIGURES if cell == "gru" else FIGURES - {"gates", "time_scales"})


LEAKY = """
import torch
from torch import nn
from rnnlab.layers.base import Layer

class Leaky(Layer):
    def __init__(self, input_size: int, *, hidden_size: int = 8) -> None:
        super().__init__()
        self.input_size, self.output_size = input_size, hidden_size
        self.mix = nn.Linear(input_size + hidden_size, hidden_size)

    def initial_state(self, batch_size, like):
        return (like.new_zeros(batch_size, self.output_size),)

    def step(self, x, state):
        h = 0.9 * state[0] + 0.1 * torch.tanh(self.mix(torch.cat([x, state[0]], dim=1)))
        return h, (h,)

    def gates(self):
        return {}
"""


@pytest.mark.usefixtures("no_figures")
def test_a_cell_of_ones_own(capsys, here, monkeypatch):
    write(here / "leakycell.py", LEAKY)
    write(here / "my/cell/leaky.yaml", "_target_: leakycell.Leaky\nhidden_size: 8\n")
    monkeypatch.syspath_prepend(str(here))
    words = ["task=delayed_recall", "data.lag=4", "data.train_size=64", "data.val_size=16"]
    own = ["--config-dir", "my", "cell=leaky", "trust=[leakycell]", "hydra.run.dir=run"]
    assert call(capsys, "train", *own, *words, "data.test_size=16", *SMALL).code == 0
    assert "not a class of rnnlab's own" in refused(call(capsys, "analyze", "checkpoint=run"))
    analyze(capsys, "checkpoint=run", "trust=[leakycell]")
    result = json.loads((here / "run/analysis/analysis.json").read_text())
    (layer,) = result["layers"].values()
    assert layer["cell"] == "Leaky"
    assert -0.3 < layer["lyapunov"]["exponents"][0] < 0.1  # it leaks a tenth a step
    assert layer["recurrent"] == {}


def test_mistakes_are_one_line(tiny_run, capsys, here):
    run = tiny_run("sentiment")
    checkpoint = f"checkpoint={run.folder}"
    table = {
        "k=17": "k: 17 exponents, but the state of encoder.0 has 16 numbers",
        "k=0": "k: '0' is not an int of at least 1 or null",
        "k=many": "k: 'many' is not an int of at least 1 or null",
        "steps=0": "steps: '0' is not an int of at least 10",
        "streams=0": "streams: '0' is not an int of at least 1",
        "exponents=3": "exponents: rnnlab analyze has no such option; there are: ",
        "step=3": "step: rnnlab analyze has no such option; did you mean 'steps'?",
        "data=conll_files data.test=x": "task sentiment needs label; data conll_files gives tags",
        "data=imdbb": "data: no choice 'imdbb'; did you mean 'imdb'?",
        "data.tset=x": "data.tset: SentimentFiles has no such option; did you mean 'test'?",
        "data.test=nowhere.tsv": "nowhere.tsv: no such file",
        "output=/dev/null/x": "output: cannot write /dev/null/x",
        "cell=gru": "cell: rnnlab analyze has no such option",
    }
    for words, message in table.items():
        output = [] if "output" in words else ["output=none"]
        said = call(capsys, "analyze", checkpoint, *words.split(), *output)
        assert refused(said).startswith(message), words
    assert refused(call(capsys, "analyze", "checkpoint=nowhere")) == (
        "nowhere: no such checkpoint or run folder"
    )
    assert refused(call(capsys, "analyze", "k=2")) == "checkpoint: missing; say checkpoint=..."
    content = torch.load(run.best, weights_only=True)
    torch.save(content | {"rnnlab": content["rnnlab"] | {"format": 99}}, "old.ckpt")
    assert "checkpoint format 99" in refused(call(capsys, "analyze", "checkpoint=old.ckpt"))
    state = {key: value * math.nan for key, value in content["state_dict"].items()}
    torch.save(content | {"state_dict": state}, "broken.ckpt")
    message = refused(call(capsys, "analyze", "checkpoint=broken.ckpt"))
    assert message == (
        "broken.ckpt: broken, encoder.embedding.weight has numbers that are not finite"
    )
    assert not list(here.glob("*/analysis.json"))


def test_an_encoder_without_recurrent_layers(capsys, here):
    words = ["task=delayed_recall", "data.lag=4", "data.train_size=64", "data.val_size=16"]
    bag = ["encoder=bow", "data.test_size=16", "hydra.run.dir=run"]
    assert call(capsys, "train", *words, *SMALL, *bag).code == 0
    message = refused(call(capsys, "analyze", "checkpoint=run", "k=2"))
    assert message == "k: BagOfWords has no recurrent layer with exponents"
    said = analyze(capsys, "checkpoint=run", "fixed_points=0")
    assert said.out.startswith("The whole encoder: how much its output at the end depends on")
    result = json.loads((here / "run/analysis/analysis.json").read_text())
    assert result["layers"] == {}
    assert result["influence"]["first_last_ratio"] == pytest.approx(1)  # a mean treats all alike
    assert {file.stem for file in (here / "run/analysis").glob("*.png")} == {"influence"}


@pytest.mark.usefixtures("no_figures")
def test_attention_has_no_state_to_come_to_rest(capsys, here):
    words = ["task=delayed_recall", "data.lag=4", "data.train_size=32", "data.val_size=16"]
    own = ["cell=attention", "data.test_size=16", "hydra.run.dir=run"]
    assert call(capsys, "train", *words, *SMALL, *own).code == 0
    said = " ".join(analyze(capsys, "checkpoint=run").out.split())
    assert "encoder.0 (SelfAttention) has no state of a fixed size: exponents, gradients" in said
    assert "The whole encoder: how much" in said


def test_help(capsys):
    said = call(capsys, "analyze", "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("rnnlab analyze checkpoint=")
    assert call(capsys, "analyze").code == 2
