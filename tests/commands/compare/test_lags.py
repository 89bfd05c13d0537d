"""Curves against the lag: what is read from a run's folder, averaged and drawn."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from rnnlab.commands.compare.groups import group_runs
from rnnlab.commands.compare.reach import draw_lags, mean_curve, read_lags
from rnnlab.commands.compare.run import read_run

NAN = np.nan


def put(folder, decades, layers=("encoder.0",), name="time_flow"):
    """A run's folder with curves (S, N, K)."""
    path = folder / "diagnostics" / f"{name}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, steps=np.arange(len(decades)), layers=np.array(layers), decades=decades)
    return SimpleNamespace(folder=folder)


def test_curves_are_relative_to_lag_0_and_end_where_they_do(tmp_path):
    run = put(tmp_path, [[[2.0, 1.0, 0.5]], [[4.0, 3.5, NAN]], [[NAN, NAN, NAN]]])
    (lags,) = read_lags(run, "time_flow").values()
    assert lags.first.tolist() == [0.0, -1.0, -1.5]
    np.testing.assert_array_equal(lags.last, [0.0, -0.5, NAN])  # the last that has any value


def test_a_layer_that_was_never_alive_has_no_curve(tmp_path):
    run = put(tmp_path, [[[1.0, 0.0], [NAN, NAN]]], layers=("encoder.0", "encoder.1"))
    assert list(read_lags(run, "time_flow")) == ["encoder.0"]


@pytest.mark.parametrize("content", [None, b"", b"not an archive", b"PK\x03\x04 half of one"])
def test_what_cannot_be_read_counts_as_not_measured(tmp_path, content):
    if content is not None:
        put(tmp_path, [[[1.0]]])
        (tmp_path / "diagnostics" / "time_flow.npz").write_bytes(content)
    assert read_lags(SimpleNamespace(folder=tmp_path), "time_flow") == {}


def test_the_mean_goes_as_far_as_half_of_the_curves():
    mean = mean_curve([np.array([0.0, -1.0, -2.0, -9.0]), np.array([0.0, -3.0]), np.zeros(3)])
    np.testing.assert_allclose(mean, [0.0, -4 / 3, -1.0, NAN])


def test_real_runs_in_one_figure(trained):
    runs = [read_run(folder) for folder in sorted(trained.sweep.iterdir())]
    assert all(read_lags(run, "time_flow").keys() == {"encoder.0"} for run in runs)
    groups = group_runs(runs)
    figure = draw_lags(groups, "time_flow", "u")
    assert figure is not None
    (panel,) = figure.axes
    assert panel.get_title(loc="left") == "" or panel.get_title() == "encoder.0"
    assert len(panel.lines) == 2 * len(groups)  # first and last of each group
    for line in panel.lines:
        curve = np.asarray(line.get_ydata())
        assert len(curve) == 5  # lag 4: five steps
        assert curve[0] == 0.0
        assert np.isfinite(curve).all()
    low, high = panel.get_ylim()
    assert high - low >= 1.0


def test_nothing_is_drawn_where_nothing_was_measured(trained, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(trained.running, bare)
    shutil.rmtree(bare / "diagnostics")
    assert draw_lags(group_runs([read_run(bare)]), "time_flow", "u") is None
