"""Figures of curves: all of them is on the page."""

import numpy as np
import pytest

from rnnlab.diagnostics.curve_history import CurveHistory
from rnnlab.diagnostics.figures import plot_curves, plot_heatmap
from rnnlab.diagnostics.stats import curve_of


@pytest.mark.parametrize("quantity", ["dL/dh", "dh_T/dh"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_labels_of_a_heatmap_are_not_cut_off(tmp_path, count, quantity):
    history = CurveHistory(tmp_path / "curves.npz")
    norms = 0.9 ** np.arange(40.0)[None]
    for step in (1, 50, 100):
        history.add(step, {f"encoder.{n}": curve_of(norms) for n in range(count)})
    figure = plot_heatmap(history, quantity)
    figure.draw_without_rendering()
    *panels, bar = figure.axes
    assert len(panels) == count
    assert quantity in bar.get_ylabel()
    label, axis = bar.yaxis.label.get_window_extent(), bar.get_window_extent()
    assert axis.y0 < label.y0 < label.y1 < axis.y1
    assert axis.x1 < label.x0 < label.x1 <= figure.bbox.x1
    assert panels[0].get_xlim() == (0.0, 125.0)


def test_a_small_loss_looks_small_beside_a_large_one():
    """All runs have one scale, relative to lag 0; where the curve starts is in words."""
    lags = np.arange(40.0)[None]
    flat, steep = (
        curve_of(norm * rate ** lags[:, ::-1]) for norm, rate in ((1e-3, 0.99), (1e2, 0.5))
    )
    figures = [plot_curves({"encoder.0": each}, "dL/dh", 1) for each in (flat, steep)]
    (one,), (other,) = (figure.axes for figure in figures)
    assert one.get_ylim() == other.get_ylim()
    ends = [float(axes.lines[0].get_ydata()[10]) for axes in (one, other)]
    assert ends == pytest.approx([10 * np.log10(0.99), 10 * np.log10(0.5)])
    texts = [figure.legends[0].get_texts()[0].get_text() for figure in figures]
    assert texts[0].endswith("-0.004 decades a step, 10^-3.0 at lag 0")
    assert texts[1].endswith("-0.301 decades a step, 10^2.0 at lag 0")


def test_many_curves_leave_room_for_the_axes():
    curve = curve_of(0.9 ** np.arange(40.0)[None])
    figure = plot_curves({f"encoder.{n}": curve for n in range(24)}, "dL/dh", 1)
    figure.draw_without_rendering()  # a warning, and so an error, where nothing is left of them
    (axes,) = figure.axes
    assert axes.get_window_extent().height > 0.3 * figure.bbox.height
