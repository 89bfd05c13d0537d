"""The demonstration, from its first word to its figure."""

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image

from demo import main
from rnnlab.diagnostics.style import COLOURS
from tiny import python

ROOT = Path(__file__).parents[1]


@pytest.mark.programs
def test_quick_demo(tmp_path: Path) -> None:
    said = python(ROOT / "scripts" / "demo.py", "--quick", cwd=tmp_path)
    assert said.code == 0, said.err
    assert "Warning" not in said.err

    rows = re.findall(r"^(RNN|LSTM|GRU) .* (\S+) +(\S+) +(no|by step \d+) +\d+$", said.out, re.M)
    assert [row[0] for row in rows] == ["RNN", "LSTM", "LSTM", "GRU", "GRU"]
    for _, accuracy, loss, solved in rows:  # five steps are within reach of all of them
        assert float(accuracy) >= 0.99, rows
        assert float(loss) < 1
        assert 1 <= int(solved.removeprefix("by step ")) <= 80

    verdicts = re.findall(r"^(.+): when training began .* by step (\d+)\.$", said.out, re.M)
    assert [net.partition(",")[0] for net, _ in verdicts] == ["RNN", "LSTM", "LSTM", "GRU", "GRU"]
    assert said.out.count(" of the gradient reached the first token, 5 steps back; ") == 5

    page = re.search(r"^page +(\S+compare\.html)$", said.out, re.M)
    assert page
    assert "Gradient through time" in (tmp_path / page[1]).read_text(encoding="utf-8")

    figure = re.search(r"^figure +(\S+\.png)", said.out, re.M)
    assert figure
    pixels = np.round(image.imread(tmp_path / figure[1])[..., :3] * 255).astype(int)
    colours = {tuple(colour) for colour in np.unique(pixels.reshape(-1, 3), axis=0)}
    for line in COLOURS[:3]:  # as on the page
        assert tuple(bytes.fromhex(line[1:])) in colours

    board = re.search(r"^TensorBoard +(\S+) --logdir (\S+)$", said.out, re.M)
    assert board
    assert Path(board[1]).exists()
    runs = {path.parent.name for path in (tmp_path / board[2]).glob("*/events.out.tfevents.*")}
    assert runs == {"rnn", "lstm", "lstm-forget3", "gru", "gru-update2"}


def test_an_unwritable_folder_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "outputs").write_text("a file where a folder is needed")
    monkeypatch.chdir(tmp_path)
    assert main(["--quick"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("demo: ")
    assert "outputs" in said[0]
