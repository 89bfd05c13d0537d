"""What TensorBoard shows of real runs: the numbers and pictures that were measured."""

import json
from itertools import takewhile

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rnnlab.diagnostics.stats import NUMBERS
from runs import CELLS_SHOWN

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

CARDS = r"""
return Object.fromEntries([...document.querySelectorAll('scalar-card')].map(card => [
  card.querySelector('tb-truncated-path').textContent.replace(/\s+/g, ''),
  [...card.querySelectorAll('scalar-card-data-table tb-data-table-content-row')].map(row =>
    [...row.querySelectorAll('tb-data-table-content-cell')].map(cell => cell.textContent.trim()))
]));
"""
"""Of every scalar card its rows: colour, run, smoothed, value, step, ..."""
GRID = r"""
return all('vaadin-grid-cell-content').map(cell => cell.textContent.replace(/\s+/g, ' ').trim());
"""
"""The cells of the table of hyperparameters, row by row."""
CHARTS = r"""
return all('tf-custom-scalar-multi-line-chart-card').map(card => ({
  title: card.title,
  legend: (text(card).match(/\S+ \(\w+\)/g) || []).filter(found => found.includes('/')),
  lines: all('path', card).filter(path => path.classList.contains('line'))
    .map(path => (path.getAttribute('d') || '').split('L').length)
}));
"""
"""Of every custom chart its title, tags with their runs, and the number of points of each line."""


def recorded(logs, cell):
    """All that a run has written."""
    return EventAccumulator(str(logs / cell)).Reload()


@pytest.mark.parametrize("tag", ["train/loss", "grad/encoder.1.backward/recurrent/update"])
def test_scalars_are_those_measured(browser, dashboard, logs, pictures, tag):
    lasts = {}
    for cell in CELLS_SHOWN:
        events = recorded(logs, cell)
        if tag in events.Tags()["scalars"]:
            lasts[cell] = events.Scalars(tag)[-1]
    assert lasts
    browser.open(f"{dashboard}/?tagFilter={tag.replace('/', '%2F')}#timeseries")

    def shown():
        rows = browser.run(CARDS).get(tag, [])
        return {row[1]: row for row in rows} if len(rows) == len(lasts) else None

    rows = browser.until(shown, f"a card {tag} with {len(lasts)} runs")
    browser.picture(pictures / f"scalars_{tag.partition('/')[0]}.png")
    for cell, last in lasts.items():
        assert float(rows[cell][3]) == pytest.approx(last.value, rel=1e-3, abs=1e-4)
        assert int(rows[cell][4]) == last.step


def test_hparams_show_settings_with_final_metrics(browser, dashboard, logs, pictures):
    browser.open(f"{dashboard}/#hparams")
    cells = browser.until(
        lambda: set(CELLS_SHOWN) <= set(found := browser.run(GRID)) and found,
        "a table with a row a run",
    )
    browser.picture(pictures / "hparams.png")
    heads = cells[: cells.index("")]
    assert heads[2] == "cell"  # what differs comes first; TensorBoard fills up to five
    assert "final/test/loss" in heads
    for cell in CELLS_SHOWN:
        loss = json.loads((logs / cell / "metrics.json").read_text())["test"]["loss"]
        rest = [text for text in cells[cells.index(cell) + 1 :] if text]
        row = list(takewhile(lambda text: text not in CELLS_SHOWN, rest))
        assert cell.upper() in row
        assert float(row[-1]) == pytest.approx(loss, rel=1e-3)


@pytest.mark.parametrize("tag", ["flow/heatmap", "flow/curves"])
def test_pictures_of_gradients_through_time_are_drawn(browser, dashboard, logs, pictures, tag):
    browser.open(f"{dashboard}/?tagFilter={tag.replace('/', '%2F')}#timeseries")

    def shown():
        found = [each for each in browser.images if "imageData" in each["source"]]
        return found if len(found) == len(CELLS_SHOWN) and found[-1]["colours"] else None

    images = browser.until(shown, f"{tag} of each run")
    browser.picture(pictures / f"{tag.replace('/', '_')}.png")
    for image in images:
        assert image["width"] > 500
        assert image["colours"] > 50  # of one colour alone where nothing was drawn


def test_custom_scalars_have_all_of_one_kind_on_one_chart(browser, dashboard, logs, pictures):
    browser.open(f"{dashboard}/#custom_scalars")

    def shown():
        charts = browser.run(CHARTS)
        # a number of curves against the lag has no line where no curve had it
        drawn = all(chart["lines"] for chart in charts if chart["title"] not in NUMBERS)
        return charts if charts and drawn else None

    charts = browser.until(shown, "custom charts with lines")
    browser.picture(pictures / "custom_scalars.png")
    named = {}
    for chart in charts:
        named.setdefault(chart["title"], []).append(chart)
    loss = named["loss"][0]
    tags = [f"{split}/loss ({cell})" for cell in CELLS_SHOWN for split in ("train", "val")]
    assert sorted(loss["legend"]) == sorted(tags)
    assert len(loss["lines"]) >= len(tags)
    lines = [tag for chart in charts for tag in chart["legend"]]
    assert len(lines) == len(set(lines))  # on one chart, though the runs have different tags
    points = len(recorded(logs, "lstm").Scalars("train/loss"))
    assert points > 5
    assert max(loss["lines"]) >= points
    layers = {f"{depth}.{way}" for depth in (0, 1) for way in ("forward", "backward")}
    ratios = {tag for chart in named["first_last_ratio"] for tag in chart["legend"]}
    wanted = {f"flow/encoder.{each}/first_last_ratio ({c})" for each in layers for c in CELLS_SHOWN}
    assert wanted <= ratios
