import pytest
import torch

from rnnlab.layers.dropout import LockedDropout, TypeDropout, WordDropout

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


def test_types_are_dropped_wherever_they_stand():
    torch.manual_seed(0)
    dropout = TypeDropout(0.4, 50)
    ids = torch.randint(50, (8, 30))
    x = torch.randn(8, 30, 3, dtype=torch.float64)
    dropped = dropout(x, ids)
    factors = (dropped / x).round(decimals=9)
    seen = {}
    for row in range(8):
        for t in range(30):
            kept = factors[row, t]
            assert torch.equal(kept, kept[:1].expand(3))
            assert seen.setdefault(int(ids[row, t]), float(kept[0])) == float(kept[0])
    assert set(seen.values()) == {0.0, round(1 / 0.6, 9)}


def test_the_share_of_dropped_types():
    torch.manual_seed(0)
    mask = TypeDropout(0.3, 20_000)(torch.ones(1, 20_000, 1), torch.arange(20_000).unsqueeze(0))
    assert float((mask == 0).float().mean()) == pytest.approx(0.3, abs=0.02)
    assert float(mask.mean()) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(("probability", "training"), [(0.0, True), (0.5, False)])
def test_types_rest_and_draw_no_numbers(probability, training):
    dropout = TypeDropout(probability, 4).train(training)
    x, state = torch.randn(2, 3, 5), torch.get_rng_state()
    assert dropout(x, torch.zeros(2, 3, dtype=torch.long)) is x
    assert torch.equal(torch.get_rng_state(), state)
