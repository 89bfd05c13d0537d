"""Reports of the jobs together hold all tests, and what had to run ran."""

from pathlib import Path

import pytest

import marked_tests

NEEDS = '<properties><property name="needs" value="{}"/></properties>'


def report(path: Path, *cases: tuple[str, str, bool]) -> str:
    """A report as pytest writes it, of tests with a need, skipped or not."""
    rows = []
    for name, need, skip in cases:
        inside = (NEEDS.format(need) if need else "") + ("<skipped/>" if skip else "")
        rows.append(f'<testcase classname="tests.a" name="{name}">{inside}</testcase>')
    path.write_text(f"<testsuites><testsuite>{''.join(rows)}</testsuite></testsuites>")
    return str(path)


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """Real data, a browser, four tests."""
    monkeypatch.setenv("RNNLAB_DATA", str(tmp_path))
    monkeypatch.setattr(marked_tests.shutil, "which", lambda name: "/bin/chromium")
    monkeypatch.setattr(marked_tests, "collected", lambda: 4)


ALL = [("one", "", True), ("two", "data", False), ("three", "browser", False)]


def test_all_is_well(tmp_path, capsys):
    reports = [
        report(tmp_path / "a.xml", *ALL),
        report(tmp_path / "b.xml", ("four", "data", False)),
    ]
    assert marked_tests.main(reports) == 0
    said = capsys.readouterr()
    assert "tests that need data: 2, of these 2 ran, 0 skipped" in said.out
    assert "tests that need browser: 1, of these 1 ran, 0 skipped (/bin/chromium)" in said.out
    assert said.err == ""


def test_what_is_missing_or_was_skipped_is_told(tmp_path, capsys, monkeypatch):
    assert marked_tests.main([report(tmp_path / "a.xml", *ALL)]) == 1
    assert capsys.readouterr().err == "1 tests are not in the reports\n"
    cases = [*ALL[:2], ("three", "browser", True), ("four", "data", True)]
    skipped = [report(tmp_path / "b.xml", *cases)]
    assert marked_tests.main(skipped) == 1
    data, browser = capsys.readouterr().err.splitlines()
    assert data.startswith("skipped: tests.a::four (RNNLAB_DATA=")
    assert browser == "skipped: tests.a::three (/bin/chromium)"
    # nothing is there, nothing is asked for; but CI asks for a browser
    monkeypatch.delenv("RNNLAB_DATA")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(marked_tests.shutil, "which", lambda name: None)
    assert marked_tests.main(skipped) == 0
    monkeypatch.setenv("CI", "true")
    assert marked_tests.main(skipped) == 1
    assert capsys.readouterr().err == "skipped: tests.a::three (no Chromium)\n"
    none = [report(tmp_path / "c.xml", *((name, "", False) for name in "abcd"))]
    assert marked_tests.main(none) == 1
    assert "no test that needs data is in the reports" in capsys.readouterr().err
