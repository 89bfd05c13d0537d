import pytest
import torch

from rnnlab.data.batch import Batch
from rnnlab.data.spec import Spec
from rnnlab.layers.gru import GRU
from rnnlab.nn.embedding import Features
from rnnlab.nn.recurrent import RecurrentEncoder
from rnnlab.tasks.regress import Regress


def make(values=2):
    torch.manual_seed(0)
    encoder = RecurrentEncoder(Features(3), lambda size: GRU(size, hidden_size=16))
    return encoder, Regress(encoder, Spec(3, values, "values"))


def batch(rows=slice(None), extra=0):
    torch.manual_seed(1)
    inputs = torch.nn.functional.pad(torch.randn(5, 4, 3), (0, 0, 0, extra), value=9.0)
    lengths = torch.tensor([4, 2, 3, 1, 4])
    return Batch(inputs[rows], lengths[rows], torch.randn(5, 2)[rows])


def run(encoder, data):
    return encoder(data.inputs, data.lengths)


def errors(task, encoder, data):
    """All differences, one by one."""
    predicted = task.predict(run(encoder, data))
    pairs = zip(predicted, data.target.tolist(), strict=True)
    return [p - t for row, target in pairs for p, t in zip(row, target, strict=True)]


def test_loss_and_metrics_are_means_over_sequences_and_values():
    encoder, task = make()
    data = batch()
    wrong = errors(task, encoder, data)
    assert len(wrong) == 10
    mse, mae = sum(e * e for e in wrong) / 10, sum(map(abs, wrong)) / 10
    assert task.loss(run(encoder, data), data).item() == pytest.approx(mse, rel=1e-5)
    assert task.units(data) == 5
    for rows in (slice(0, 2), slice(2, 5)):  # unequal batches
        task.update(run(encoder, batch(rows)), batch(rows))
    expected = {"mse": pytest.approx(mse, rel=1e-5), "mae": pytest.approx(mae, rel=1e-5)}
    assert task.compute() == expected
    task.update(run(encoder, data), data)  # and anew
    assert task.compute() == expected
    assert (task.monitor, task.mode) == ("mse", "min")


def test_padding_has_no_influence():
    encoder, task = make()
    predictions = [task.predict(run(encoder, batch(extra=extra))) for extra in (0, 3)]
    torch.testing.assert_close(*map(torch.tensor, predictions))


def test_learns_a_batch_by_heart():
    encoder, task = make()
    optimizer = torch.optim.Adam([*encoder.parameters(), *task.parameters()], lr=0.03)
    data = batch()
    for _ in range(150):
        optimizer.zero_grad()
        task.loss(run(encoder, data), data).backward()
        optimizer.step()
    assert max(map(abs, errors(task, encoder, data))) < 0.1


def test_renders_numbers():
    _, task = make()
    assert task.render([], [0.5, -1234567.0]) == "0.5\t-1.23457e+06"
    assert task.empty() is None


def test_checkpoint_holds_weights_alone():
    assert set(make()[1].state_dict()) == {"head.weight", "head.bias"}
