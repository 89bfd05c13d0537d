import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from rnnlab.data.tag_schemes import (
    all_tags,
    bioes_error,
    bioes_to_iob2,
    is_bioes,
    is_iob,
    to_bioes,
    to_iob2,
)

IOB = st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B-C", "I-B-C"]), max_size=9).map(to_iob2)
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
    assert bioes_to_iob2(changed) == tags
    assert bioes_error(changed) is None
    assert entities(changed) == get_entities(tags)
    assert is_bioes(changed) == any(tag != "O" for tag in tags)


@given(BIOES)
def test_what_is_valid_comes_back_and_what_is_not_is_found(tags):
    back = to_bioes(to_iob2(bioes_to_iob2(tags)))
    found = bioes_error(tags)
    assert (found is None) == (back == tags)
    if found is not None:  # and all before it was right
        step, why = found
        closed = {"B": "S", "I": "E"}.get(tags[step][0], "O") + tags[step][1:]
        assert bioes_error([*tags[:step], closed if "needs" in why else "O"]) is None


def test_is_bioes():
    assert is_bioes(["O", "S-A"])
    assert is_bioes(["B-A", "E-A"])
    for other in ([], ["O"], ["B-A", "I-A"], ["S-A", "NN"], ["S-"], ["E"]):
        assert not is_bioes(other)


@pytest.mark.parametrize(
    ("given", "iob2"),
    [
        ("I-A I-A O I-A", "B-A I-A O B-A"),
        ("I-A B-A I-A", "B-A B-A I-A"),  # IOB1: two entities side by side
        ("I-A I-B I-B", "B-A B-B I-B"),
        ("B-A I-A O B-B", "B-A I-A O B-B"),  # IOB2 already
        ("O I-A-B I-A", "O B-A-B B-A"),
        ("S-A O B-A E-A", "S-A O B-A E-A"),  # another scheme
        ("NOUN VERB I-A", "NOUN VERB I-A"),
        ("", ""),
    ],
)
def test_iob1_becomes_iob2(given, iob2):
    assert to_iob2(given.split()) == iob2.split()
    assert to_iob2(to_iob2(given.split())) == iob2.split()


@pytest.mark.parametrize(
    ("tags", "whole"),
    [
        ("B-LOC O", "B-LOC I-LOC O"),
        ("I-LOC B-PER", "B-LOC B-PER I-LOC I-PER"),
        ("S-LOC O", "B-LOC E-LOC I-LOC O S-LOC"),
        ("S-LOC X-PER O", "O S-LOC X-PER"),
        ("NOUN ADJ", "ADJ NOUN"),
    ],
)
def test_all_tags_have_both_tags_of_every_type(tags, whole):
    assert all_tags(tags.split()) == whole.split()
    assert is_iob(whole.split()) == is_iob(tags.split())
