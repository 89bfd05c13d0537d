"""`compare.html` in a browser: its figures are drawn, and it needs nothing but itself."""

from pathlib import Path

import pytest

from rnnlab.cli import main
from rnnlab.commands.compare.events import Log
from rnnlab.commands.compare.groups import differences, group_runs
from rnnlab.commands.compare.page import render
from rnnlab.commands.compare.run import Run

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def page(logs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    with pytest.raises(SystemExit) as stopped:
        main(["compare", str(logs), f"output={folder / 'out'}"])
    assert stopped.value.code == 0
    return folder / "out" / "compare.html"


def test_figures_are_drawn_without_the_network(browser, page, pictures):
    browser.open(page.as_uri())
    images = browser.until(
        lambda: (found := browser.images) and all(each["width"] for each in found) and found,
        "figures",
    )
    browser.picture(pictures / "compare.png")
    assert len(images) >= 2
    assert len({each["alt"] for each in images}) == len(images)
    for each in images:
        assert each["width"] > 300
        assert each["height"] > 100
        assert each["colours"] is None or each["colours"] > 10  # not an empty frame
    text = browser.text
    assert "Results" in text
    assert all(cell in text for cell in ("gru", "lstm"))
    requests = browser.requests
    assert requests[0] == page.as_uri()
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert browser.complaints == []


def test_a_request_would_be_noticed(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<!DOCTYPE html><p>Hello</p><img src="http://127.0.0.1:9/none.png">')
    browser.open(page.as_uri())
    browser.until(lambda: "Hello" in browser.text, "the page")
    assert "http://127.0.0.1:9/none.png" in browser.requests
    assert browser.images[0]["width"] == 0


def runs_that_differ(count):
    """Runs with twenty options of their own, some of them long."""
    record = {"status": "completed", "steps": 5, "monitor": "val/accuracy", "val": {}, "test": {}}
    cells = ("GRU", "LSTM", "RNN", "MinimalGatedRecurrentUnit")
    for number in range(count):
        options = {
            "cell": cells[number % 4],
            "encoder.init_from": f"/home/somebody/outputs/2026-11-28/run_{number}/best.ckpt",
            "task.output": ("softmax", "adaptive")[number % 2],
            "diagnostics.time_flow.every_n_steps": 50 * (number + 1),
            "optimizer.lr": 0.0003 * (number + 1),
            "data.train": f"[/data/{number}.de, /data/{number}.en]",
        }
        options |= {f"trainer.some_option_{index}": number % (index + 2) for index in range(14)}
        config = {"seed": 1, **options}
        yield Run(Path(f"run{number}"), "recall", config, {"cell": "x.C"}, record, Log({}, {}))


@pytest.mark.parametrize("count", [2, 13, 30])
def test_no_table_is_wider_than_the_page(browser, pictures, tmp_path, count):
    groups = group_runs(list(runs_that_differ(count)))
    assert (len(groups), len(differences(groups))) == (count, 20)
    page = tmp_path / "page.html"
    page.write_text(render(groups, {}, {}, subtitle="", notes=[]), encoding="utf-8")
    browser.open(page.as_uri())
    browser.until(lambda: "Runs" in browser.text, "the page")
    text = browser.run("return document.body.textContent")
    assert text.count("trainer.some_option_13") == -(-count // 13)
    assert all(run.shown("encoder.init_from") in text for run in runs_that_differ(count))
    wide = browser.run(
        "return [...document.querySelectorAll('table')].map(t => t.getBoundingClientRect().right)"
    )
    room = browser.run("return document.body.getBoundingClientRect().right")
    browser.run("document.querySelector('.options').scrollIntoView()")
    browser.picture(pictures / f"options_{count}.png")
    assert max(wide) <= room
    narrowest = browser.run(
        "return Math.min(...[...document.querySelectorAll('.options td')].map(t => t.clientWidth))"
    )
    assert narrowest > 50
