"""The file of curves of a run."""

import numpy as np
import pytest

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


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "text", "other arrays", "shapes"])
def test_a_damaged_file_is_told_and_begun_anew(tmp_path, damage, caplog):
    saved(tmp_path, [1, 10, 20], ["x", "y"])
    file = tmp_path / "curves.npz"
    data = file.read_bytes()
    if damage == "other arrays":
        np.savez(file, steps=np.arange(3))
    elif damage == "shapes":
        np.savez(file, steps=np.arange(3), layers=np.array(["x"]), decades=np.zeros((2, 4, 1)))
    else:
        noise = data[:50] + bytes(40) + data[90:]
        file.write_bytes({"cut": data[:-30], "empty": b"", "noise": noise, "text": b"x"}[damage])
    history = CurveHistory(file)
    history.resume(10)
    assert len(history) == 0
    assert f"{file}: damaged, begun anew" in caplog.text
    history.add(11, {"x": CURVE})
    history.save()
    with np.load(file) as again:
        assert again["steps"].tolist() == [11]
