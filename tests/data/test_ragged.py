import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.data.ragged import Ragged

sequences = st.lists(st.lists(st.integers(0, 50), max_size=9), max_size=12)


@st.composite
def with_rows(draw):
    lists = draw(sequences.filter(bool))
    rows = draw(st.lists(st.integers(0, len(lists) - 1), max_size=20))
    return lists, np.array(rows, dtype=np.int64)


def unpack(ragged):
    return [ragged[i].tolist() for i in range(len(ragged))]


@given(sequences)
def test_packing_keeps_every_sequence(lists):
    ragged = Ragged.from_lists(lists)
    assert len(ragged) == len(lists)
    assert unpack(ragged) == lists
    assert ragged.lengths.tolist() == [len(one) for one in lists]
    assert ragged.values.dtype == np.int32


@given(with_rows())
def test_select_takes_rows_in_order(case):
    lists, rows = case
    assert unpack(Ragged.from_lists(lists).select(rows)) == [lists[row] for row in rows]


@given(sequences, st.integers(0, 10))
def test_cut_keeps_the_first_elements(lists, length):
    assert unpack(Ragged.from_lists(lists).cut(length)) == [one[:length] for one in lists]


@given(sequences)
def test_take_maps_every_element(lists):
    table = np.arange(51)[::-1]
    expected = [[50 - value for value in one] for one in lists]
    assert unpack(Ragged.from_lists(lists).take(table)) == expected


@given(sequences)
def test_framed_puts_start_and_end_around_each(lists):
    expected = [[2, *one, 3] for one in lists]
    assert unpack(Ragged.from_lists(lists).framed(2, 3)) == expected
    behind = [row[1:] for row in expected]
    assert unpack(Ragged.from_lists(lists).framed(None, 3)) == behind


@given(with_rows(), st.sampled_from([0, -100]))
def test_pad_equals_a_loop(case, fill):
    lists, rows = case
    padded, lengths = Ragged.from_lists(lists).pad(rows, fill)
    assert padded.dtype == lengths.dtype == torch.int64
    assert padded.shape == (len(rows), max([1, *(len(lists[row]) for row in rows)]))
    assert lengths.tolist() == [len(lists[row]) for row in rows]
    for line, row in zip(padded.tolist(), rows, strict=True):
        assert line == lists[row] + [fill] * (len(line) - len(lists[row]))


def test_index_beyond_the_end_is_an_error():
    ragged = Ragged.from_lists([[1], [2, 3]])
    for index in (-1, 2):
        with pytest.raises(IndexError):
            ragged[index]
