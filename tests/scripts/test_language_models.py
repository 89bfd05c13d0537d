"""Language models of one size: what is compared, and how it is shown."""

from pathlib import Path

import torch

import language_models
from language_models import MARKS, NETS, draw, table
from rnnlab.config.compose import compose_words
from rnnlab.data.spec import Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import Vocab
from rnnlab.runs.build import build_model, build_vectors

VOCAB = Vocab(["<pad>", "<unk>", *map(chr, range(200, 265))])


def parameters(words):
    cfg = compose_words("train", words).cfg
    spec = Spec(VOCAB, VOCAB, "next", Tokenizer("char"))
    with torch.device("meta"):
        model = build_model(cfg, spec, build_vectors(cfg))
    return sum(p.numel() for p in {*model.encoder.parameters(), *model.task.parameters()})


def test_all_have_the_size_of_the_experiment():
    size = parameters(["experiment=charlm_shakespeare"])
    sizes = [parameters(list(words)) for words in NETS.values()]
    assert all(0.9 * size <= other <= 1.1 * size for other in sizes)


def rows():
    for net, slope in (("GRU", 0.01), ("GPT", 0.02)):
        for step in range(1, 13):
            found = {"seconds": 10.0 * step, "bits_per_character": 4 - slope * 10 * step}
            yield {"net": net, "parameters": 7000, "step": 8 * step, **found}


def test_the_table_has_what_each_reached_in_time(tmp_path):
    lines = [[cell.strip() for cell in line.split("|")] for line in table([*rows()]).splitlines()]
    assert lines[0][1:-1] == [
        *("net", "parameters", "steps", "after 10 s", "after 30 s", "after 60 s"),
        *("at the end", "seconds"),
    ]
    assert lines[3][1:-1] == ["GPT", "7,000", "96", "3.800", "3.400", "2.800", "1.600", "120"]
    draw([*rows()], tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5000


def test_the_document_has_a_place_for_it():
    document = Path(language_models.__file__).parents[1] / "docs" / "benchmarks.md"
    text = document.read_text(encoding="utf-8")
    assert all(text.count(mark) == 1 for mark in MARKS)
