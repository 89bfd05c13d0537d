"""Options of data sets: inherited as Python inherits; dry specs fit to the real ones."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch

from corpora import EVERY_TASK
from rnnlab.config.compose import compose_words
from rnnlab.config.files import config_dir, read_yaml
from rnnlab.config.trust import locate, make
from rnnlab.data.base import Configurable, SequenceData
from rnnlab.data.batch import IGNORE
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import Vocab
from rnnlab.errors import ConfigError

NAMES = sorted(file.stem for file in (config_dir() / "data").glob("*.yaml"))


def options(name: str) -> tuple[type[SequenceData], dict[str, object]]:
    """The class of a choice, and what its YAML says."""
    node = read_yaml(config_dir() / "data" / f"{name}.yaml")
    target = locate(node.pop("_target_"))
    return target, {k: v for k, v in node.items() if "$" not in str(v)}


class Root(Configurable):
    size: int = 1
    name: str = "a"


class Left(Root):
    left: bool = False


class Right(Root):
    size: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.double = 2 * self.size


class Both(Left, Right):
    name: str = "b"


def test_options_are_inherited_as_attributes_are() -> None:
    assert {name: p.default for name, p in inspect.signature(Both).parameters.items()} == {
        "size": 2, "name": "b", "left": False,
    }  # fmt: skip
    made = Both(size=5)
    assert (made.size, made.name, made.left, made.double) == (5, "b", False, 10)
    assert (Left().size, Root().name) == (1, "a")


def test_options_are_keywords() -> None:
    with pytest.raises(TypeError):
        Both(5)
    with pytest.raises(TypeError, match="length"):
        Both(length=5)


def test_dry_specs_read_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their kind, and every kind of vocabulary, are those that the tasks are made for."""
    choices = {name: options(name) for name in NAMES}

    def never(*_: object, **__: object) -> None:
        raise AssertionError("reads a file")

    monkeypatch.setattr(Path, "open", never)
    monkeypatch.setattr(Path, "exists", never)
    monkeypatch.setattr(Path, "glob", never)
    for name, (target, given) in choices.items():
        data = target(**given)
        try:
            data.use_characters()
            characters = True
        except ConfigError:
            characters = False
        spec = data.dry_spec()
        assert spec.kind == target.kind, name
        assert Spec.from_dict(spec.to_dict()) == spec, name
        assert (spec.characters is not None) == characters, name
        if spec.kind == "tokens":
            assert (spec.target_vocab.start_id, spec.target_vocab.end_id) == (2, 3), name
            assert spec.target_tokenizer is not None, name
        if spec.kind == "values":
            assert not isinstance(spec.target, Vocab), name
        else:
            assert spec.target_size > 1, name


def test_dry_specs_follow_the_options() -> None:
    closed, _ = options("conll2003")
    assert set("BIES") <= {tag[0] for tag in closed(scheme="bioes").dry_spec().target_vocab.tokens}
    translation, _ = options("multi30k")
    shared = translation(share_vocab=True, lower=True).dry_spec()
    assert shared.source == shared.target
    assert shared.source_tokenizer.lower
    text, _ = options("text_files")
    assert "\n" in text().dry_spec().source_vocab
    words = text(level="word", min_freq=5, max_vocab_size=7).dry_spec().source_vocab
    assert "<eos>" in words
    assert len(words) == 2 + 7
    assert len(text(level="word").dry_spec().source_vocab) > 10_000  # the usual cutoffs


@pytest.mark.parametrize("task", ["translation", "generate", "language_model", "ner", "sentiment"])
def test_targets_are_counted_as_training_batches_ask_for_them(task: str, tmp_path: Path) -> None:
    cfg = compose_words("train", [*EVERY_TASK[task](tmp_path), "data.min_freq=2"]).cfg
    data: SequenceData = make(cfg["data"], [])
    expected = [0] * data.spec().target_size
    for batch in data.train_dataloader():
        given = 1 if data.kind == "tokens" else 0  # `<s>`
        rows = batch.target[:, given:] if batch.target.dim() == 2 else batch.target
        for target in rows.flatten().tolist():
            if target != IGNORE:
                expected[target] += 1
    counts = data.target_prior()
    assert counts.tolist() == expected
    assert sum(count > 0 for count in expected) > 1


def test_of_numbers_there_is_a_mean() -> None:
    data: SequenceData = make(compose_words("train", ["task=adding"]).cfg["data"], [])
    values = torch.cat([batch.target for batch in data.train_dataloader()]).double()
    np.testing.assert_allclose(data.target_prior(), values.mean(dim=0), rtol=1e-5)


@pytest.mark.parametrize(("examples", "size"), [(30, 8), (3_999, 9), (8_000, 20), (40_000, 64)])
def test_batches_of_small_files_are_small(examples: int, size: int, tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        rows = (f"w{n % 50}\t{'AB'[n % 2]}\n" for n in range(examples))
        (tmp_path / split).write_text("".join(rows), encoding="utf-8")
    files = [f"data.{split}={tmp_path}/{split}" for split in ("train", "val", "test")]
    words = ["data=sentiment_files", *files]

    def data(*more: str) -> SequenceData:
        made: SequenceData = make(compose_words("train", [*words, *more]).cfg["data"], [])
        return made

    assert max(len(batch) for batch in data().train_dataloader()) == size
    assert max(len(batch) for batch in data().val_dataloader()) == min(64, examples)
    assert any(remark.startswith(f"batches of {size}, ") for remark in data().remarks())
    assert "batches of" not in " ".join(data("data.batch_size=64").remarks())
    given = data("data.batch_size=64").train_dataloader()
    assert max(len(batch) for batch in given) == min(64, examples)
