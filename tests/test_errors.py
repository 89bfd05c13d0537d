"""What a terminal may show of texts that are stored somewhere."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.commands import predict
from rnnlab.errors import printable, tell

STEERING = {"Cc", "Cs", "Zl", "Zp"}


@given(st.text())
def test_nothing_steers_and_all_else_stays(text):
    shown = printable(text)
    assert not {unicodedata.category(character) for character in shown} & STEERING
    kept = [c for c in text if unicodedata.category(c) not in STEERING]
    if len(kept) == len(text) and not set(text) & set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e"):
        assert shown == text or set(text) & set("\u2066\u2067\u2068\u2069")
    shown.encode()  # lone surrogates cannot be


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("name\nrnnlab: done", r"name\nrnnlab: done"),
        ("\x9b2J", r"\x9b2J"),
        ("abc\u202edcba", r"abc\u202edcba"),
        ("naïve • 你好 • हिन्दी • 👩‍🔬", "naïve • 你好 • हिन्दी • 👩‍🔬"),
    ],
)
def test_escapes_are_visible(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize("terminal", [True, False])
def test_an_answer_steers_no_terminal_and_reaches_a_program_as_it_is(terminal, capsys, monkeypatch):
    monkeypatch.setattr(predict.sys.stdout, "isatty", lambda: terminal)
    predict._show("a\tB-\x1b[2J\n")
    assert capsys.readouterr().out == ("a\tB-\\x1b[2J\n\n" if terminal else "a\tB-\x1b[2J\n\n")


def test_a_sentence_is_told_in_lines_of_80_columns(capsys):
    words = "one-or two " * 30
    tell("verdict", f"{words}/a/path/{'that-is-long' * 9} end\x1b")
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("verdict  one-or two ")
    assert all(line.startswith(" " * 9 + line.strip()[0]) for line in rest)
    long = [line for line in (first, *rest) if len(line) > 80]
    assert [line.split() for line in long] == [[f"/a/path/{'that-is-long' * 9}"]]
    assert " ".join([first, *rest]).split()[-1] == r"end\x1b"
    tell("completed ", "")
    assert capsys.readouterr().out == "completed\n"
