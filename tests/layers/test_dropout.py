import pytest
import torch

from rnnlab.layers.dropout import LockedDropout, WordDropout

X = torch.ones(200, 7, 30)


@pytest.mark.parametrize("kind", [LockedDropout, WordDropout])
def test_rests_in_evaluation_and_at_zero(kind):
    assert torch.equal(kind(0.5).eval()(X), X)
    assert torch.equal(kind(0.0)(X), X)


def test_locked_dropout_is_the_same_at_all_steps_and_keeps_the_mean():
    torch.manual_seed(0)
    dropped = LockedDropout(0.4)(X)
    assert torch.equal(dropped, dropped[:, :1].expand_as(X))
    torch.testing.assert_close(dropped.unique(), torch.tensor([0.0, 1 / 0.6]))
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.03)
    assert not torch.equal(dropped[0], dropped[1])


def test_word_dropout_takes_whole_steps_and_scales_nothing():
    torch.manual_seed(0)
    dropped = WordDropout(0.3)(X)
    assert torch.equal(dropped, dropped[..., :1].expand_as(X))
    assert dropped.unique().tolist() == [0.0, 1.0]
    assert dropped.mean().item() == pytest.approx(0.7, abs=0.05)
    assert dropped[0, :, 0].unique().numel() == 2 or dropped[1, :, 0].unique().numel() == 2


@pytest.mark.parametrize("kind", [LockedDropout, WordDropout])
def test_gradients_go_where_values_went(kind):
    x = torch.randn(3, 4, 5, requires_grad=True)
    y = kind(0.5)(x)
    y.sum().backward()
    torch.testing.assert_close(x.grad * x, y)
