"""The file of curves of a run."""

import numpy as np

from rnnlab.diagnostics.curve_history import MAX_SAMPLES, CurveHistory
from rnnlab.diagnostics.stats import curve_of

CURVE = curve_of(0.9 ** np.arange(6.0)[None])


def saved(folder, steps, names):
    history = CurveHistory(folder / "curves.npz")
    for step in steps:
        history.add(step, dict.fromkeys(names, CURVE))
    history.save()
    return history


def test_a_file_of_version_0_1_goes_on_with_todays_names(tmp_path):
    saved(tmp_path, [1, 10, 20], ["encoder.0.ahead", "encoder.0.back/cell"])
    history = CurveHistory(tmp_path / "curves.npz")
    history.resume(10)
    assert history.steps == [1, 10]
    assert history.layers == ["encoder.0.forward", "encoder.0.backward/cell"]
    history.add(20, dict.fromkeys(history.layers, CURVE))
    expected = np.broadcast_to(CURVE.decades.astype(np.float32), (3, 2, 6))
    np.testing.assert_array_equal(history.decades(), expected)


def test_a_long_run_is_thinned_out(tmp_path):
    history = saved(tmp_path, range(1, 3 * MAX_SAMPLES + 1), ["x"])
    assert MAX_SAMPLES / 2 <= len(history) <= MAX_SAMPLES
    assert set(np.diff(history.steps)) == {4}
