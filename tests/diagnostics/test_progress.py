"""A bar for a terminal, a line an epoch for a file."""

import io
import re
from contextlib import redirect_stdout

from rnnlab.diagnostics import progress
from runs import small_run


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_file_has_one_line_an_epoch(tmp_path):
    with (tmp_path / "log").open("w") as file, redirect_stdout(file):
        record = small_run(tmp_path / "run", "trainer.enable_progress_bar=true").record
    text = (tmp_path / "log").read_text()
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)
    lines = [line for line in text.splitlines() if line.startswith("epoch ")]
    number = r"\d+\.\d{4}"
    for index, line in enumerate(lines, start=1):
        expected = rf"epoch    {index} of 2: loss {number}, val/accuracy {number}, \d+\.\d s"
        assert re.fullmatch(expected, line), line
    assert len(lines) == record["epochs"] == 2
    assert len(text.splitlines()) < 36  # with a table of the classes


def test_a_long_epoch_has_lines_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with redirect_stdout(io.StringIO()) as file:
        small_run(tmp_path / "run", "trainer.enable_progress_bar=true", "trainer.max_epochs=1")
    lines = [line for line in file.getvalue().splitlines() if line.startswith("in epoch 1: ")]
    assert len(lines) == 10
    assert re.fullmatch(r"in epoch 1: 10 of 10 batches, loss \d\.\d{4}, \d+ s", lines[-1])


def test_a_terminal_has_a_bar(tmp_path):
    with redirect_stdout(Terminal()) as terminal:
        small_run(tmp_path / "run", "trainer.enable_progress_bar=true")
    text = terminal.getvalue()
    assert "Epoch 1: 100%" in text
    assert re.search(r"loss=\d+\.\d{4}, val/accuracy=\d+\.\d{4}", text)
    assert "\nepoch " not in text
