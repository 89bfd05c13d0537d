"""Figures of curves: all of them is on the page."""

import numpy as np
import pytest

from rnnlab.diagnostics.curve_history import CurveHistory
from rnnlab.diagnostics.figures import plot_heatmap
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
