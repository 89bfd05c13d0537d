"""Curves against the lag: what is read from a run's folder, averaged and drawn."""

import shutil

import numpy as np
import pytest

from rnnlab.commands.compare.groups import group_runs
from rnnlab.commands.compare.reach import against_lag, mean_curve, slider_steps
from rnnlab.commands.compare.reading import read_lags, read_run
from rnnlab.commands.compare.run import Lags
from rnnlab.diagnostics.stats import LIMITS
from rnnlab.errors import DataError

NAN = np.nan


def put(folder, decades, layers=("encoder.0",), name="time_flow"):
    """A run's folder with curves (S, N, K)."""
    path = folder / "diagnostics" / f"{name}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, steps=np.arange(len(decades)), layers=np.array(layers), decades=decades)
    return path


def test_curves_are_relative_to_lag_0_and_end_where_they_do(tmp_path):
    path = put(tmp_path, [[[2.0, 1.0, 0.5]], [[4.0, 3.5, NAN]], [[NAN, NAN, NAN]]])
    (lags,) = read_lags(path).values()
    assert lags.first.tolist() == [0.0, -1.0, -1.5]
    assert lags.last.tolist() == [0.0, -0.5]  # of the last sample that has any value


def test_a_layer_that_was_never_alive_has_no_curve(tmp_path):
    path = put(tmp_path, [[[1.0, 0.0], [NAN, NAN]]], layers=("encoder.0", "encoder.1"))
    assert list(read_lags(path)) == ["encoder.0"]


def test_without_a_file_nothing_was_measured(tmp_path):
    assert read_lags(tmp_path / "none.npz") == {}


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 half of one"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    path = put(tmp_path, [[[1.0]]])
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"time_flow\.npz: not rnnlab's curves, or damaged"):
        read_lags(path)


@pytest.mark.parametrize(
    ("decades", "layers"),
    [
        ([[1.0, 2.0]], ["encoder.0", "encoder.1"]),
        ([[[1.0]]], ["encoder.0", "encoder.1"]),
        ([[["one"]]], ["encoder.0"]),
        ([[[1.0]]], "encoder.0"),
    ],
)
def test_arrays_of_another_kind_are_named(tmp_path, decades, layers):
    with pytest.raises(DataError, match="not rnnlab's curves"):
        read_lags(put(tmp_path, decades, layers))


def test_the_mean_goes_as_far_as_half_of_the_curves():
    mean = mean_curve([np.array([0.0, -1.0, -2.0, -9.0]), np.array([0.0, -3.0]), np.zeros(3)])
    np.testing.assert_allclose(mean, [0.0, -4 / 3, -1.0, NAN])


def test_real_runs_in_one_figure(trained):
    runs = [read_run(folder) for folder in sorted(trained.sweep.iterdir())]
    assert all(run.lags["time_flow"].keys() == {"encoder.0"} for run in runs)
    groups = group_runs(runs)
    chart = against_lag("time_flow", "", "", groups, "u")
    assert chart is not None
    (panel,) = chart.panels
    assert panel.title == "encoder.0"
    assert len(panel.lines) == 2 * len(groups)  # first and last of each group
    for line in panel.lines:
        curve = line.y
        assert len(curve) == 5  # lag 4: five steps
        assert curve[0] == 0.0
        assert np.isfinite(curve).all()
    assert panel.y_limits == LIMITS  # the same whatever is compared
    for first, last in zip(panel.lines[::2], panel.lines[1::2], strict=True):
        assert last.frames.shape == (len(chart.steps), 5)
        np.testing.assert_array_equal(last.frames[0], first.y)
        np.testing.assert_array_equal(last.frames[-1], last.y)


def test_the_slider_has_the_newest_measurement_of_each_step():
    lags = Lags(np.array([2, 5, 9]), np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]]))
    assert lags.at(np.array([1, 2, 4, 5, 100]))[:, 1].tolist() == [1, 1, 1, 2, 3]
    other = Lags(np.arange(1, 100), np.zeros((99, 2)))
    assert slider_steps([lags, other], most=1000).tolist() == [
        *np.unique(np.linspace(0, 98, 40).round().astype(int)) + 1
    ]
    assert slider_steps([lags], most=0).tolist() == [2, 5, 9]


def test_attention_stands_beside_what_reads_forward(trained, tmp_path):
    """Both directions of attention are one layer."""
    curve = np.zeros((1, 1, 3))
    runs = []
    for name, layers in {
        "two": ("encoder.0.forward", "encoder.0.backward"),
        "one": ("encoder.0",),
    }.items():
        shutil.copytree(next(trained.sweep.iterdir()), tmp_path / name)
        put(tmp_path / name, np.repeat(curve, len(layers), axis=1), layers, "input_flow")
        runs.append(read_run(tmp_path / name))
    groups = [*group_runs(runs[:1]), *group_runs(runs[1:])]
    chart = against_lag("input_flow", "", "", groups, "u")
    drawn = {panel.title: len(panel.lines) for panel in chart.panels}
    assert drawn == {"encoder.0.forward": 4, "encoder.0.backward": 2}


def test_nothing_is_drawn_where_nothing_was_measured(trained, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(trained.running, bare)
    shutil.rmtree(bare / "diagnostics")
    assert against_lag("time_flow", "", "", group_runs([read_run(bare)]), "u") is None
