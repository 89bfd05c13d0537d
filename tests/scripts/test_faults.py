"""The harness of faults in its short form, and that it notices what it looks for."""

import json
import shutil

import pytest

import faults
from fault_parts import runs
from fault_parts.program import Fault, Program

UNITS = {name: unit for units, _, short in faults.PARTS.values() for name, unit in units(short)}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("faults")


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize("name", UNITS)
def test_nothing_is_lost_or_falsified(out, name):
    folder = out / name.replace("/", "_")
    folder.mkdir()
    figures = UNITS[name](folder)
    if "not tried, no right to mount" in figures:
        pytest.skip("no file system can be mounted here")


@pytest.fixture
def part(monkeypatch):
    """A part of two units that fail as often as is said."""
    failures = {"part/1": 0, "part/2": 1}
    done = []

    def units(size):
        for name in failures:
            yield name, lambda folder, name=name: unit(name, size, folder)

    def unit(name, size, folder):
        done.append(name)
        (folder / "left").touch()
        failures[name] -= 1
        if failures[name] >= 0:
            raise Fault("it is lost")
        return {"count": size, "largest": float(size) + len(done)}

    monkeypatch.setattr(faults, "PARTS", {"part": (units, 100, 1)})
    return done


def test_what_is_done_is_not_done_again_and_what_failed_is(tmp_path, part):
    found = faults.run(tmp_path, ["part"], short=False)
    assert found["part/2"] == {"fault": "it is lost"}
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["part_2"]
    found = faults.run(tmp_path, ["part"], short=False)
    assert part == ["part/1", "part/2", "part/2"]
    assert json.loads((tmp_path / "faults.json").read_text()) == found
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    line = "part      units 2, faults 0, seconds 0, count 200, largest 103"
    assert faults.table(found) == line


@pytest.mark.faults
def test_other_weights_a_traceback_and_another_exit_code_are_noticed(out, tmp_path):
    whole, _ = runs.reference("memory", out)
    shutil.copytree(whole, tmp_path / "run")
    runs.compare(tmp_path / "run", whole)
    last = tmp_path / "run/checkpoints/last.ckpt"
    shutil.copy(whole / "checkpoints/best.ckpt", last)
    with pytest.raises(Fault, match=r"of last.ckpt is not that of the undisturbed run"):
        runs.compare(tmp_path / "run", whole)
    with pytest.raises(Fault, match="a traceback"):
        Program([], tmp_path, does=json.loads).code()
    with pytest.raises(Fault, match="exit code 2, not 0: rnnlab: trian: no such command"):
        runs.rnnlab("trian", folder=tmp_path)
