"""Hidden states of a trained model, its device, and its use by several threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import rnnlab
from rnnlab.errors import ConfigError
from rnnlab.runs import devices
from rnnlab.runs.devices import find_device
from tiny import SMALL, call, conll, refused

TEXTS = ["Ann saw Bob", "", "in the", "Rome left the Oslo in Ann saw", "Bob"]
DEEP = ["encoder.bidirectional=true", "encoder.num_layers=2", "task.output=crf"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("states")
    words = [*conll(folder / "corpus"), *SMALL, *DEEP]
    return rnnlab.train(*words, folder=folder / "run", quiet=True).folder


@pytest.fixture(scope="module")
def model(run):
    return rnnlab.load(run, device="cpu")


def test_states_are_those_of_each_text_alone(model):
    found = model.predict(TEXTS, batch_size=3, states=True, layers="all")
    assert [answer.prediction for answer in found] == model.predict(TEXTS)
    assert found[1].tokens == [] and found[1].states == {}  # noqa: PT018
    names = {"encoder", *(f"encoder.{n}.{way}" for n in (0, 1) for way in ("forward", "backward"))}
    for text, answer in zip(TEXTS, found, strict=True):
        if not text:
            continue
        assert answer.tokens == text.split()
        assert answer.states.keys() == names
        batch = model.inputs.batch([text.split()])
        with torch.no_grad():
            x = model.model.encoder.embedding(batch.inputs)
            for depth, layer in enumerate(model.model.encoder.layers):
                x = layer.outputs(x)
                sides = [answer.states[f"encoder.{depth}.{w}"] for w in ("forward", "backward")]
                np.testing.assert_allclose(np.concatenate(sides, 1), x[0], atol=1e-6)
        np.testing.assert_allclose(answer.states["encoder"], x[0], atol=1e-6)
    (last,) = model.predict("Ann", states=True)
    assert last.states.keys() == {"encoder"}


def test_the_file_of_states(run, model, capsys, tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text("".join(f"{text}\n" for text in TEXTS))
    ask = ["predict", f"checkpoint={run}", f"input={lines}", "device=cpu"]
    plain = call(capsys, *ask).out
    file = tmp_path / "h.npz"
    said = call(capsys, *ask, f"states={file}", "states_layers=all", "batch_size=2")
    assert (said.code, said.out) == (0, plain)
    expected = model.predict(TEXTS, states=True, layers="all")
    with np.load(file, allow_pickle=False) as stored:
        for number, answer in enumerate(expected, start=1):
            assert stored[f"{number}/tokens"].tolist() == answer.tokens
            for name, values in answer.states.items():
                np.testing.assert_allclose(stored[f"{number}/{name}"], values, atol=1e-6)
        assert len(stored.files) == sum(len(answer.states) + 1 for answer in expected)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["h.npz", "lines.txt"]
    for words, message in {
        ("states=h.txt",): "states: h.txt does not end in .npz",
        ("states=no/h.npz",): "states: no folder no",
        ("states=h.npz", "score=true"): "states: come with predictions, without",
        ("states=h.npz", "prompt=Ann", "input=-"): "states: are those of lines",
        ("device=cuda:x",): "device: 'cuda:x' is none of auto, cpu, cuda, cuda:1",
        ("states_layers=first",): "states_layers: ",
    }.items():
        assert refused(call(capsys, *ask, *words)).startswith(message)


def test_eight_threads_get_the_answers_of_one(model):
    texts = [
        " ".join(np.random.RandomState(n).choice(TEXTS[3].split(), n % 9 + 1)) for n in range(40)
    ]
    expected = model.predict(texts)
    states = model.predict(texts, states=True, layers="all")

    def ask(number):
        if number % 2:
            return model.predict(texts, batch_size=number)
        found = model.predict(texts, batch_size=number + 1, states=True, layers="all")
        for one, other in zip(found, states, strict=True):
            assert one.states.keys() == other.states.keys()
            for name in one.states:
                np.testing.assert_allclose(one.states[name], other.states[name], atol=1e-6)
        return [answer.prediction for answer in found]

    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(ask, range(8)))


def test_devices(monkeypatch):
    assert find_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(devices.torch.cuda, "is_available", lambda: False)
    assert find_device("auto") == torch.device("cpu")
    for name in ("cuda", "cuda:1"):
        with pytest.raises(ConfigError, match=f"device: {name} asked for, but there is no GPU"):
            find_device(name)
    monkeypatch.setattr(devices.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(devices.torch.cuda, "device_count", lambda: 2)
    assert find_device("auto") == torch.device("cuda")
    assert find_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ConfigError, match="GPUs are cuda:0 to cuda:1"):
        find_device("cuda:2")
    for name in ("gpu", "cuda:", "cuda:-1", "CPU", "", 0):
        with pytest.raises(ConfigError, match="is none of auto, cpu"):
            find_device(name)


def test_evaluate_and_analyze_take_a_device(run, capsys):
    own = call(capsys, "evaluate", f"checkpoint={run}")
    assert call(capsys, "evaluate", f"checkpoint={run}", "device=cpu").out == own.out
    both = ("device=cpu", "trainer.accelerator=cpu")
    message = refused(call(capsys, "evaluate", f"checkpoint={run}", *both))
    assert message == "device, trainer.accelerator: say one of them"
    for command in ("evaluate", "analyze"):
        said = call(capsys, command, f"checkpoint={run}", "device=gpu")
        assert refused(said).startswith("device: 'gpu' is none of")
