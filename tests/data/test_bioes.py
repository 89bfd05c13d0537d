import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from rnnlab.data.bioes import fault, is_bioes, to_bioes, to_iob2
from rnnlab.data.iob import to_iob2 as iob2

IOB = st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B-C", "I-B-C"]), max_size=9).map(iob2)
BIOES = st.lists(
    st.sampled_from(["O", *(f"{part}-{kind}" for part in "BIES" for kind in "AB")]), max_size=6
)


def entities(tags):
    """Types and places, read off valid BIOES tags by hand."""
    found, start = [], 0
    for step, tag in enumerate(tags):
        start = step if tag[0] in "BS" else start
        if tag[0] in "ES":
            found.append((tag[2:], start, step))
    return found


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", ""),
        ("O", "O"),
        ("B-A", "S-A"),
        ("B-A B-A", "S-A S-A"),
        ("B-A I-A B-A O", "B-A E-A S-A O"),
        ("O B-A I-A I-A", "O B-A I-A E-A"),
        ("B-A I-A B-B I-B", "B-A E-A B-B E-B"),
        ("B-x-y I-x-y", "B-x-y E-x-y"),
    ],
)
def test_by_hand(given, expected):
    assert to_bioes(given.split()) == expected.split()


@given(IOB)
def test_there_and_back(tags):
    changed = to_bioes(tags)
    assert to_iob2(changed) == tags
    assert fault(changed) is None
    assert entities(changed) == get_entities(tags)
    assert is_bioes(changed) == any(tag != "O" for tag in tags)


@given(BIOES)
def test_what_is_valid_comes_back_and_what_is_not_is_found(tags):
    back = to_bioes(iob2(to_iob2(tags)))
    found = fault(tags)
    assert (found is None) == (back == tags)
    if found is not None:  # and all before it was right
        step, why = found
        closed = {"B": "S", "I": "E"}.get(tags[step][0], "O") + tags[step][1:]
        assert fault([*tags[:step], closed if "needs" in why else "O"]) is None


def test_is_bioes():
    assert is_bioes(["O", "S-A"])
    assert is_bioes(["B-A", "E-A"])
    for other in ([], ["O"], ["B-A", "I-A"], ["S-A", "NN"], ["S-"], ["E"]):
        assert not is_bioes(other)
