"""The pages of `compare` and `analyze` in a browser: charts, slider, legend, filter, tables."""

from dataclasses import replace
from pathlib import Path

import pytest

from made_runs import made_runs
from rnnlab.cli import main
from rnnlab.commands.compare.charts import all_charts
from rnnlab.commands.compare.events import Log
from rnnlab.commands.compare.groups import differences, group_runs
from rnnlab.commands.compare.page import render
from rnnlab.commands.compare.run import LoggedRun
from rnnlab.commands.compare.significance import differences as significance_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

DRAWN = "return all('div').filter(each => each.panel && each.data).length"
VISIBLE = """
return all('div').filter(each => each.data).map(plot => ({
  chart: plot.chart.name,
  panel: plot.panel.title,
  entries: [...new Set(plot.data.filter(each => each.visible === true && each.meta.entry !== null)
    .map(each => each.meta.entry))],
  traces: plot.data.length,
}));
"""
CUT = """
const wide = document.documentElement.clientWidth;
const inside = node => node.closest('.wide') || node.closest('nav');
const cut = [];
for (const node of document.querySelectorAll('h1,h2,h3,p,li,label,button,output,th,td,text')) {
  const box = node.getBoundingClientRect();
  if (!box.width || inside(node)) continue;
  if (box.left < -1 || box.right > wide + 1) cut.push([node.textContent.slice(0, 40), box.right]);
}
for (const svg of document.querySelectorAll('.plot .main-svg')) {
  const frame = svg.getBoundingClientRect();
  for (const text of svg.querySelectorAll('text')) {
    const box = text.getBoundingClientRect();
    if (box.width && (box.left < frame.left - 1 || box.right > frame.right + 1
        || box.top < frame.top - 1 || box.bottom > frame.bottom + 1))
      cut.push([text.textContent, box.left - frame.left, frame.right - box.right]);
  }
}
return cut;
"""
"""Texts that stick out of the page, or of their chart."""


def page_of(groups, file: Path) -> Path:
    """The page of made runs."""
    page = render(groups, all_charts(groups), significance_of(groups), subtitle="now", notes=[])
    file.write_text(page, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages of 2, 13 and 60 runs, and their groups."""
    folder = tmp_path_factory.mktemp("pages")
    made = {}
    for count in (2, 13, 60):
        groups = group_runs(list(made_runs(count)))
        made[count] = (page_of(groups, folder / f"{count}.html"), groups)
    return made


def shown_whole(browser, page, *, width, dark=False):
    """Open a page in a window as long as itself, so that all charts are drawn."""
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.command("Emulation.setEmulatedMedia", features=scheme)
    browser.size(width, 1000)
    browser.open(page.as_uri())
    height = browser.until(
        lambda: browser.run("return document.querySelector('.plot') && document.body.scrollHeight"),
        "charts",
    )
    browser.size(width, height + 50)
    count = browser.run("return document.querySelectorAll('.plot').length")
    browser.until(lambda: browser.run(DRAWN) == count, f"{count} charts")
    return count


@pytest.mark.parametrize("count", [2, 13, 60])
@pytest.mark.parametrize(("width", "dark"), [(400, True), (1400, False)])
def test_charts_have_a_trace_for_each_group(browser, pages, pictures, count, width, dark):
    page, groups = pages[count]
    assert page.stat().st_size < 6e6
    shown_whole(browser, page, width=width, dark=dark)
    browser.picture(pictures / f"compare_{count}_{width}.png")
    facets = {group.facet for group in groups}
    for plot in browser.run(VISIBLE):
        inside = [g for g in groups if g.facet is None or plot["panel"].endswith(f", {g.facet}")]
        names = {group.entry for group in inside or groups}
        assert len(plot["entries"]) == len(names), plot
    assert len(facets) == (1 if count == 2 else 3)
    assert browser.run(CUT) == []
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.complaints == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []


def test_the_slider_plays_the_training(browser, pages):
    page, groups = pages[13]
    shown_whole(browser, page, width=1400)
    ends = """
      const plot = all('div').find(each => each.data && each.chart.name === 'time_flow');
      return plot.data.filter(each => each.line.width === 2).map(each => each.y.at(-1));
    """
    last = browser.run(ends)
    assert len(last) == sum(group.facet == groups[0].facet for group in groups)
    move = """
      const range = document.querySelector('[data-chart=time_flow] input');
      range.value = arguments[0] === undefined ? 0 : arguments[0];
      range.dispatchEvent(new Event('input'));
      return document.querySelector('[data-chart=time_flow] output').textContent;
    """
    assert browser.run(move) == "thick: step 150"
    first = browser.run(ends)
    lags = groups[0].runs[0].lags["time_flow"]["encoder.0.forward"]
    assert first[0] == pytest.approx(lags.first[-1], abs=0.02)
    assert last[0] == pytest.approx(lags.last[-1], abs=0.02)
    assert all(early != late for early, late in zip(first, last, strict=True))
    play = "document.querySelector('[data-chart=time_flow] .play').click()"
    browser.run(play)
    step = "return document.querySelector('[data-chart=time_flow] output').textContent"
    browser.until(lambda: browser.run(step) == "thick: step 9,000", "the end of the training")
    assert browser.run(ends) == last


def test_legend_filter_scale_and_table(browser, pages):
    page, _groups = pages[13]
    shown_whole(browser, page, width=1400)

    def entries():
        return browser.run(VISIBLE)[0]["entries"]

    browser.run("all('button', document.querySelector('#legend'))[1].click()")
    assert entries() == [0, 2, 3, 4]
    browser.run("document.querySelector('#all').click()")
    assert entries() == [0, 1, 2, 3, 4]
    search = """
      const box = document.querySelector('#filter');
      box.value = 'lstm seed=1';
      box.dispatchEvent(new Event('input'));
      return document.querySelector('#shown').textContent;
    """
    assert browser.run(search) == "3 of 13 runs"
    assert entries() == [1]
    rows = "return [...document.querySelectorAll('.groups tbody tr')].filter(r => r.offsetHeight)"
    assert len(browser.run(f"{rows}.map(r => r.textContent)")) == 3
    browser.run(search.replace("lstm seed=1", ""))
    kind = "return all('div').find(each => each.data)._fullLayout.yaxis.type"
    assert browser.run(kind) == "linear"
    browser.run("document.querySelector('.scale-y').click()")
    assert browser.run(kind) == "log"
    sort = """
      const table = document.querySelector('.groups');
      const column = [...table.tHead.rows[0].cells].findIndex(
        each => each.textContent.startsWith('test/accuracy'));
      table.tHead.rows[0].cells[column].click();
      return [...table.tBodies[0].rows].map(row => parseFloat(row.cells[column].textContent));
    """
    values = browser.run(sort)
    assert values == sorted(values)
    assert browser.run(sort) == values[::-1]
    first = """
      const box = document.querySelector('.groups').parentElement;
      box.style.width = '300px';
      box.scrollLeft = 200;
      const cell = box.querySelector('td').getBoundingClientRect();
      return [box.scrollLeft, cell.left - box.getBoundingClientRect().left];
    """
    moved, left = browser.run(first)
    assert moved == 200
    assert abs(left) < 1  # the first column stays
    assert browser.complaints == []


def test_no_text_of_a_run_becomes_a_script(browser, tmp_path):
    evil = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"
    made = list(made_runs(4, **{"notes": evil, "encoder.dropout": "</script><b>"}))
    for number, run in enumerate(made):
        run.record["alarms"] = [evil]
        run.config["cell"] = f"{evil}{number}"
        made[number] = replace(run, folder=Path(f"runs/{evil}{number}"), task=evil)
    page = page_of(group_runs(made), tmp_path / "evil.html")
    shown_whole(browser, page, width=1400)
    assert browser.run("return document.title").startswith("<script>")
    assert browser.run("return document.querySelectorAll('img, main script, main b').length") == 0
    assert evil in browser.run("return document.body.textContent")
    hover = """
      const plot = all('div').find(each => each.data);
      Plotly.Fx.hover(plot, [{ curveNumber: 0, pointNumber: 3 }]);
    """
    browser.run(hover)
    browser.until(lambda: browser.run("return all('g').some(g => g.matches('.hovertext'))"), "text")
    assert browser.run("return document.querySelectorAll('img, main script').length") == 0
    assert browser.complaints == []
    assert browser.run("return document.title") != "taken"


def test_what_was_put_into_the_page_does_not_run(browser, pages, tmp_path):
    """The policy holds where a text would get through unescaped."""
    text = pages[2][0].read_text(encoding="utf-8")
    bad = tmp_path / "bad.html"
    bad.write_text(text.replace("<main>", "<main><script>document.title = 'taken'</script>"))
    browser.open(bad.as_uri())
    browser.until(lambda: "Results" in browser.text, "the page")
    assert browser.run("return document.title") != "taken"
    assert any("Content Security Policy" in each for each in browser.complaints)


def test_printed_on_white_with_all_charts(browser, pages):
    page, _groups = pages[2]
    browser.command(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}]
    )
    browser.size(1400, 600)
    browser.open(page.as_uri())
    browser.until(lambda: browser.run(DRAWN), "a chart")
    pdf = browser.command("Page.printToPDF")["data"]
    assert len(pdf) > 50_000
    plots = browser.run("return document.querySelectorAll('.plot').length")
    assert browser.run(DRAWN) == plots


def test_the_page_of_real_runs(browser, logs, pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    with pytest.raises(SystemExit) as stopped:
        main(["compare", str(logs), f"output={folder / 'out'}"])
    assert stopped.value.code == 0
    page = folder / "out" / "compare.html"
    assert shown_whole(browser, page, width=1400) >= 4
    browser.picture(pictures / "compare.png")
    assert all(plot["traces"] for plot in browser.run(VISIBLE))
    text = browser.text
    assert "Results" in text
    assert all(cell in text for cell in ("gru", "lstm"))
    assert browser.complaints == []


@pytest.mark.parametrize("width", [400, 1400])
def test_the_page_of_an_analysis(browser, logs, pictures, tmp_path, width):
    out = tmp_path / "out"
    words = [f"checkpoint={logs / 'lstm'}", f"output={out}", "steps=20", "transient=4", "k=3"]
    with pytest.raises(SystemExit) as stopped:
        main(["analyze", *words])
    assert stopped.value.code == 0
    shown_whole(browser, out / "analysis.html", width=width, dark=width == 400)
    browser.picture(pictures / f"analysis_{width}.png")
    named = {plot["chart"] for plot in browser.run(VISIBLE)}
    assert {"lyapunov", "time_flow", "memory", "influence", "time_scales"} <= named
    said = "return [...document.querySelectorAll('.chart')].map(s => s.querySelector('.verdict'))"
    verdicts = browser.run(f"{said}.filter(Boolean).map(p => p.textContent)")
    assert any("lambda_1" in each for each in verdicts)
    assert any("unit remembers" in each for each in [*verdicts, browser.text])
    assert browser.run(CUT) == []
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
        yield LoggedRun(
            Path(f"run{number}"), "recall", config, {"cell": "x.C"}, record, Log({}, {})
        )


@pytest.mark.parametrize("count", [2, 13, 30])
def test_no_table_of_options_is_wider_than_the_page(browser, pictures, tmp_path, count):
    groups = group_runs(list(runs_that_differ(count)))
    assert (len(groups), len(differences(groups))) == (count, 20)
    page = page_of(groups, tmp_path / "page.html")
    browser.size(1400, 1000)
    browser.open(page.as_uri())
    browser.until(lambda: "Runs" in browser.text, "the page")
    text = browser.run("return document.querySelector('main').textContent")
    assert text.count("trainer.some_option_13") == -(-count // 9)
    assert all(run.shown("encoder.init_from") in text for run in runs_that_differ(count))
    wide = browser.run(
        "return [...document.querySelectorAll('.options')]"
        ".map(t => t.getBoundingClientRect().right)"
    )
    room = browser.run("return document.body.getBoundingClientRect().right")
    browser.run("document.querySelector('.options').scrollIntoView()")
    browser.picture(pictures / f"options_{count}.png")
    assert max(wide) <= room
    narrowest = browser.run(
        "return Math.min(...[...document.querySelectorAll('.options td')].map(t => t.clientWidth))"
    )
    assert narrowest > 50
