import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from rnnlab.layers.padding import last_valid, reverse_padded, zero_padding


@st.composite
def ragged(draw):
    steps = draw(st.integers(1, 9))
    lengths = draw(st.lists(st.integers(1, steps), min_size=1, max_size=5))
    width = draw(st.integers(1, 3))
    x = torch.arange(len(lengths) * steps * width, dtype=torch.float32)
    return x.view(len(lengths), steps, width), torch.tensor(lengths)


@given(ragged())
def test_reverse_padded_reverses_each_sequence_alone(case):
    x, lengths = case
    reverse = reverse_padded(x, lengths)
    for row, length in enumerate(lengths.tolist()):
        assert reverse[row, :length].tolist() == x[row, :length].tolist()[::-1]
        assert torch.equal(reverse[row, length:], x[row, length:])
    assert torch.equal(reverse_padded(reverse, lengths), x)


@given(ragged())
def test_reverse_padded_without_lengths_is_a_flip(case):
    x, lengths = case
    full = torch.full_like(lengths, x.shape[1])
    assert torch.equal(reverse_padded(x, None), reverse_padded(x, full))


@given(ragged())
def test_last_valid(case):
    x, lengths = case
    expected = [x[row, length - 1].tolist() for row, length in enumerate(lengths.tolist())]
    assert last_valid(x, lengths).tolist() == expected


@given(ragged())
def test_zero_padding(case):
    x, lengths = case
    x = x + 1  # no zero of its own
    zeroed = zero_padding(x, lengths)
    for row, length in enumerate(lengths.tolist()):
        assert torch.equal(zeroed[row, :length], x[row, :length])
        assert not zeroed[row, length:].any()
    assert zero_padding(x, None) is x


def test_gradients():
    lengths = torch.tensor([3, 1, 2])
    x = torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True)
    functions = (
        lambda x: reverse_padded(x, lengths).square(),
        lambda x: reverse_padded(x.transpose(0, 1).contiguous().transpose(0, 1), lengths).square(),
        lambda x: last_valid(x, lengths).square(),
        lambda x: zero_padding(x, lengths).square(),
    )
    for function in functions:
        assert gradcheck(function, (x,))
        assert gradgradcheck(function, (x,))
