"""What is read from a run's folder is what was logged, as far as it is there."""

import math

import numpy as np
import pytest
from lightning.pytorch.loggers import CSVLogger
from torch.utils.tensorboard import SummaryWriter

from rnnlab.commands.compare.events import read_log


def write(folder, suffix, *points):
    """An event file with these (tag, value, step)."""
    with SummaryWriter(folder, filename_suffix=suffix) as writer:
        for tag, value, step in points:
            writer.add_scalar(tag, value, step)


def test_a_step_made_again_counts_as_it_was_made_last(tmp_path):
    write(tmp_path, ".a", *(("train/loss", float(step), step) for step in range(1, 6)))
    write(tmp_path, ".b", ("train/loss", 40.0, 4), ("train/loss", 60.0, 6))
    series = read_log(tmp_path).scalars["train/loss"]
    assert series.steps.tolist() == [1, 2, 3, 4, 5, 6]
    assert series.values.tolist() == [1, 2, 3, 40, 5, 60]
    assert series.last == 60


def test_all_of_a_long_run_is_read_and_not_a_sample(tmp_path):
    write(tmp_path, "", *(("train/loss", float(step), step) for step in range(12_000)))
    assert read_log(tmp_path).scalars["train/loss"].values.tolist() == list(range(12_000))


def test_validation_is_counted_in_steps_made_as_all_else(trained):
    scalars = read_log(trained.sweep / "0_rnn-1").scalars
    assert scalars["train/loss"].steps[-1] == 20  # 320 sequences, 32 at a time, two epochs
    assert scalars["val/loss"].steps.tolist() == [10, 20]


def test_not_finite_values_stay(tmp_path):
    write(tmp_path, "", ("train/loss", 1.0, 1), ("train/loss", math.nan, 2))
    assert np.isnan(read_log(tmp_path).scalars["train/loss"].last)


def test_the_end_of_a_growing_file_is_left_out(trained):
    whole = read_log(trained.sweep / "2_gru-1").scalars["train/loss"]
    part = read_log(trained.running).scalars["train/loss"]
    assert 0 < len(part.steps) < len(whole.steps)
    assert part.values.tolist() == whole.values[: len(part.values)].tolist()


def test_every_length_of_a_growing_file_can_be_read(tmp_path):
    write(tmp_path, "", *(("train/loss", float(step), step) for step in range(3)))
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    seen = set()
    for length in range(0, len(content) + 1):
        file.write_bytes(content[:length])
        scalars = read_log(tmp_path).scalars
        seen.add(len(scalars["train/loss"].steps) if scalars else 0)
    assert seen == {0, 1, 2, 3}


def test_csv_of_lightning_says_the_same(tmp_path):
    points = [("train/loss", 2.5, 10), ("val/accuracy", 0.5, 9), ("train/loss", 1.25, 20)]
    write(tmp_path / "tensorboard", "", *points)
    logger = CSVLogger(tmp_path / "csv")
    for tag, value, step in points:
        logger.log_metrics({tag: value}, step)
    logger.save()
    one, other = (read_log(tmp_path / name).scalars for name in ("tensorboard", "csv"))
    assert set(one) == set(other) == {"train/loss", "val/accuracy"}
    for tag in one:
        np.testing.assert_array_equal(one[tag].steps, other[tag].steps)
        np.testing.assert_array_equal(one[tag].values, other[tag].values)


def test_texts_are_read(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_text("alarm/vanishing", "nothing reaches back", 3)
    assert read_log(tmp_path).texts == {"alarm/vanishing": ["nothing reaches back"]}


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("events.out.tfevents.1.x", b"these are not events at all\n" * 50, "not an event file"),
        ("metrics.csv", b"epoch,loss\n1,2\n", "not a table of Lightning's CSV logger"),
        ("metrics.csv", b"step,loss\n1,two\n", "not a table of Lightning's CSV logger"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, content, part):
    (tmp_path / name).write_bytes(content)
    write(tmp_path / "sound", "", ("train/loss", 2.5, 10))
    log = read_log(tmp_path)
    (problem,) = log.problems
    assert problem.startswith(f"{tmp_path / name}: {part}")
    assert log.scalars["train/loss"].last == 2.5
