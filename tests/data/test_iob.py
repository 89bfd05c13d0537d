import pytest

from rnnlab.data.iob import inventory, is_iob, to_iob2


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
def test_inventory_has_both_tags_of_every_type(tags, whole):
    assert inventory(tags.split()) == whole.split()
    assert is_iob(whole.split()) == is_iob(tags.split())
