import json

import pytest

from rnnlab.data.bpe import train_bpe
from rnnlab.data.spec import Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import Vocab

SUBWORDS = train_bpe(["ein Mann", "eine Frau"], size=270, lower=False)


@pytest.mark.parametrize(
    "spec",
    [
        Spec(Vocab.build({"a": 1}), Vocab(["neg", "pos"]), "label", Tokenizer("word"), None, 400),
        Spec(Vocab.build({"a": 1}), Vocab.build({"b": 1}), "tokens", SUBWORDS, SUBWORDS),
        Spec(2, 1, "values"),
    ],
)
def test_round_trip_through_json(spec):
    again = Spec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec


def test_an_extension_is_not_stored():
    spec = Spec(Vocab.build({"a": 1}).extend(["b"], lower_fallback=True), Vocab(["x"]), "tags")
    source = Spec.from_dict(spec.to_dict()).source
    assert isinstance(source, Vocab)
    assert "b" not in source
