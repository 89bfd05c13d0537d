"""An optimiser step takes the mean gradient of the batches that it is made of."""

import torch

from runs import small_run, weights

SGD = ["optimizer=sgd", "trainer.max_epochs=1", "optimizer.lr=1e-3", "trainer.gradient_clip_val=0"]


def ended(folder, *words):
    small_run(folder, *SGD, *words)
    return weights(folder / "checkpoints" / "last.ckpt")


def test_the_last_step_of_an_epoch_has_fewer_batches(tmp_path):
    start = ended(tmp_path / "start", "optimizer.lr=0")

    def change(batches, accumulated):
        """How the weights change in an epoch; little, so that gradients are those at its start."""
        words = [f"trainer.limit_train_batches={batches}"]
        words.append(f"trainer.accumulate_grad_batches={accumulated}")
        end = ended(tmp_path / f"{batches}-{accumulated}", *words)
        return torch.cat([(end[name].double() - start[name]).flatten() for name in start])

    def assert_close(found, expected):
        assert float((found - expected).norm() / expected.norm()) < 0.01

    three, five = change(3, 3), change(5, 5)  # means of gradients
    assert_close(change(5, 100), five)
    assert_close(change(5, 3), three + (5 * five - 3 * three) / 2)
