/* Draws the charts of a page from its data, with plotly. No text of the data becomes markup. */
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const off = new Set();     // numbers of legend entries that are hidden
let words = [];            // of the filter; a run is shown where it has them all
const dark = window.matchMedia("(prefers-color-scheme: dark)");
let printing = false;

const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const night = () => dark.matches && !printing;
// black on dark paper would not be seen; all other colours are seen on both
const shade = colour => (night() && ["#000000", "black"].includes(colour) ? "#f2f2f2"
  : night() && colour === "#555555" ? "#b5b5b5" : colour);
// plotly reads a few tags in names
const safe = text => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function element(tag, parent, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made);
  return made;
}

/* ---- samples of lines and marks, in the legend and in tables ---- */

const SHAPES = {
  circle: "M20 6a3.5 3.5 0 1 1-7 0a3.5 3.5 0 1 1 7 0", square: "M13 3h7v6h-7z",
  "triangle-up": "M16.5 2l4 8h-8z", "triangle-down": "M16.5 10l4-8h-8z",
  "triangle-left": "M12 6l8-4v8z", "triangle-right": "M21 6l-8-4v8z",
  cross: "M15 2h3v2.5h3v3h-3V10h-3V7.5h-3v-3h3z", diamond: "M16.5 1.5l4 4.5-4 4.5-4-4.5z",
  "diamond-tall": "M16.5 1l3 5-3 5-3-5z", "x-thin": "M13 2.5l7 7m0-7l-7 7",
  star: "M16.5 1l1.5 3.5 3.6.2-2.8 2.3.9 3.6-3.2-2-3.2 2 .9-3.6-2.8-2.3 3.6-.2z",
  pentagon: "M16.5 2l4 3-1.5 5h-5l-1.5-5z", hexagon: "M16.5 1.5l4 2.2v4.6l-4 2.2-4-2.2V3.7z",
};

function sample(look, marked) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 33 12", width: 33, height: 12, "aria-hidden": true }))
    svg.setAttribute(name, value);
  const draw = attributes => {
    const path = document.createElementNS(svg.namespaceURI, "path");
    for (const [name, value] of Object.entries(attributes)) path.setAttribute(name, value);
    svg.append(path);
  };
  const colour = shade(look.colour);
  if (look.dash !== null)
    draw({ d: "M1 6H32", stroke: colour, "stroke-width": look.width,
           "stroke-dasharray": look.dash.replaceAll(",", " ").replaceAll("px", "") || "none" });
  if (look.mark && (marked || look.dash === null)) {
    const open = look.mark.endsWith("-open") || look.mark.startsWith("x-thin");
    draw({ d: SHAPES[look.mark.replace("-open", "")], stroke: colour, "stroke-width": 1.6,
           fill: open ? "none" : colour });
  }
  return svg;
}

function drawSamples() {
  const marked = new Set();
  for (const chart of data.charts) for (const panel of chart.panels) for (const line of panel.lines)
    if (line.marked && line.dash !== null) marked.add(line.entry);
  document.querySelectorAll("#legend button").forEach((button, number) => {
    button.querySelector("svg")?.remove();
    button.prepend(sample(data.entries[number], marked.has(number)));
  });
  for (const key of document.querySelectorAll("[data-key]")) {
    key.querySelector("svg")?.remove();
    key.prepend(sample(JSON.parse(key.dataset.key), true));
  }
  for (const cell of document.querySelectorAll("[data-entry]")) {
    const look = data.entries[cell.dataset.entry];
    cell.querySelector("svg")?.remove();
    if (look) cell.prepend(sample(look, false));
  }
}

/* ---- what is shown ---- */

const found = run => words.every(word => data.runs[run].words.includes(word));
const shown = line => line.entry === null
  || (!off.has(line.entry) && (line.runs.length === 0 || line.runs.some(found)));

function refresh() {
  const alive = new Set(data.runs.map((run, number) => (found(number) ? run.entry : null)));
  document.querySelectorAll("#legend button").forEach((button, number) => {
    button.setAttribute("aria-pressed", !off.has(number));
    button.parentElement.classList.toggle("out", data.runs.length > 0 && !alive.has(number));
  });
  for (const row of document.querySelectorAll("tr[data-runs]"))
    row.classList.toggle("out", !JSON.parse(row.dataset.runs).some(found));
  const count = document.getElementById("shown");
  if (count) count.textContent = `${data.runs.filter((_, n) => found(n)).length} of ${data.runs.length} runs`;
  for (const plot of document.querySelectorAll(".plot")) if (plot.data)
    Plotly.restyle(plot, { visible: plot.panel.lines.map(shown) });
}

/* ---- one panel ---- */

function trace(line, frame) {
  const colour = shade(line.colour);
  const mark = { symbol: line.mark || "circle", size: line.dash === null ? 9 : 6, color: colour,
                 line: { width: line.mark.startsWith("x-thin") ? 2 : 1, color: colour } };
  const mode = (line.dash === null ? "" : "lines") + (line.marked && line.mark ? "+markers" : "");
  return {
    x: line.x, y: frame === undefined || !line.frames ? line.y : line.frames[frame],
    mode: mode.replace(/^\+/, "") || "none",
    name: safe(line.name), opacity: line.alpha, visible: shown(line), meta: { entry: line.entry },
    line: { color: colour, width: line.width, dash: line.dash || "solid" }, marker: mark,
    error_y: line.error ? { type: "data", array: line.error, thickness: 1.2, width: 3 } : undefined,
    hoverinfo: line.entry === null ? "skip" : undefined,
    hovertemplate: "%{x:,.6~g}: %{y:.5~g}<br>%{fullData.name}<extra></extra>",
  };
}

function axis(its, log) {
  const plainAxis = { title: { text: its.label, standoff: 8, font: { size: 12 } },
    type: log ? "log" : "linear", gridcolor: css("--line"), zeroline: false, automargin: true,
    linecolor: css("--rule"), showline: true, ticks: "outside", tickcolor: css("--rule"), ticklen: 4,
    tickformat: log ? undefined : ",.4~g", exponentformat: "power", dtick: undefined };
  const [low, high] = its.limits;
  if (log === its.log && low !== null && high !== null)
    plainAxis.range = log ? [Math.log10(low), Math.log10(high)] : [low, high];
  else if (!log && low === 0) plainAxis.rangemode = "tozero";
  if (log) Object.assign(plainAxis, { minor: { ticks: "outside", ticklen: 2 }, nticks: 6,
    dtick: plainAxis.range && plainAxis.range[1] - plainAxis.range[0] > 1.2 ? 1 : undefined });
  return plainAxis;
}

function layout(panel, scale) {
  const notes = panel.lines.filter(line => line.entry === null && line.name).map(line => ({
    x: at(line.x.at(-1), scale.x), y: at(line.y.at(-1), scale.y), text: safe(line.name), showarrow: false,
    xanchor: "right", yanchor: "bottom", font: { color: css("--soft"), size: 11 },
  }));
  const made = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, annotations: notes,
    font: { family: "system-ui, sans-serif", size: 12, color: css("--ink") },
    margin: { l: 50, r: 14, t: 10, b: 44 }, hovermode: "closest",
    hoverlabel: { align: "left", namelength: -1, bgcolor: css("--raised"), font: { color: css("--ink") } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: css("--rule"), activecolor: css("--ink") },
    dragmode: window.matchMedia("(pointer: coarse)").matches ? false : "zoom",
    xaxis: axis(panel.x, scale.x), yaxis: axis(panel.y, scale.y),
  };
  if (panel.square) Object.assign(made.yaxis, { scaleanchor: "x" });
  return made;
}
const at = (value, log) => (log ? Math.log10(value) : value);

const CONFIG = { displaylogo: false, responsive: true,
  modeBarButtons: [["toImage", "resetScale2d"]],
  toImageButtonOptions: { format: "svg", scale: 1 } };

function draw(plot) {
  const { panel, chart } = plot;
  return Plotly.react(plot, panel.lines.map(line => trace(line, chart.frame)),
    layout(panel, { x: chart.scale.x ?? panel.x.log, y: chart.scale.y ?? panel.y.log }), CONFIG);
}

/* ---- a chart: panels, scales, slider ---- */

const watcher = new IntersectionObserver(entries => {
  for (const entry of entries) if (entry.isIntersecting) {
    watcher.unobserve(entry.target);
    draw(entry.target);
  }
}, { rootMargin: "600px" });

function build(section, chart) {
  chart.scale = { x: null, y: null };
  chart.frame = undefined;
  const grid = section.querySelector(".panels");
  grid.classList.toggle("alone", chart.panels.length === 1);
  const plots = chart.panels.map(panel => {
    const figure = element("figure", grid, "", { class: panel.square ? "panel square" : "panel" });
    element("h3", figure, panel.title);
    const plot = element("div", figure, "", { class: "plot", role: "img", "aria-label": panel.title });
    Object.assign(plot, { panel, chart });
    watcher.observe(plot);
    return plot;
  });
  const again = () => plots.filter(plot => plot.data).forEach(draw);
  const tools = section.querySelector(".tools");
  if (chart.panels.every(panel => !panel.fixed && !panel.square))
    for (const way of ["y", "x"]) {
      const button = element("button", tools, `${way} axis: as drawn`, { type: "button", class: `scale-${way}` });
      button.addEventListener("click", () => {
        chart.scale[way] = { null: true, true: false, false: null }[chart.scale[way]];
        button.textContent = `${way} axis: ${{ null: "as drawn", true: "logarithmic", false: "linear" }[chart.scale[way]]}`;
        again();
      });
    }
  const slider = section.querySelector(".slider");
  if (slider) animate(slider, chart, plots);
}

function animate(slider, chart, plots) {
  const [button, range, output] = ["button", "input", "output"].map(tag => slider.querySelector(tag));
  const show = () => {
    chart.frame = Number(range.value);
    output.textContent = `thick: step ${chart.steps[chart.frame].toLocaleString("en")}`;
    for (const plot of plots) if (plot.data) {
      const moving = plot.panel.lines.flatMap((line, number) => (line.frames ? [number] : []));
      Plotly.restyle(plot, { y: moving.map(n => plot.panel.lines[n].frames[chart.frame]) }, moving);
    }
  };
  let timer = null;
  const stop = () => { clearInterval(timer); timer = null; button.textContent = "Play"; };
  button.addEventListener("click", () => {
    if (timer !== null) return stop();
    if (range.value === range.max) range.value = 0;
    button.textContent = "Stop";
    show();
    timer = setInterval(() => {
      range.value = Number(range.value) + 1;
      show();
      if (range.value === range.max) stop();
    }, 150);
  });
  range.addEventListener("input", () => { stop(); show(); });
  show();
}

/* ---- tables ---- */

const number = text => {
  const value = parseFloat(text.replaceAll(",", ""));
  return Number.isNaN(value) ? null : value;
};

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    const sort = () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach(each => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows].map(row => {
        const text = row.cells[column].textContent.trim();
        return { row, text, value: number(text) };
      });
      rows.sort((a, b) => {
        if (a.value !== null && b.value !== null) return (up ? 1 : -1) * (a.value - b.value);
        if ((a.value === null) !== (b.value === null)) return a.value === null ? 1 : -1;
        return (up ? 1 : -1) * a.text.localeCompare(b.text);
      });
      table.tBodies[0].append(...rows.map(each => each.row));
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
  });
}

/* ---- legend, filter, printing ---- */

function legend() {
  const list = document.getElementById("legend");
  data.entries.forEach((entry, number) => {
    const button = element("button", element("li", list), "", { type: "button" });
    element("span", button, entry.name);
    button.addEventListener("click", event => {
      if (event.detail > 1) {            // of a double click: this one alone
        data.entries.forEach((_, other) => (other === number ? off.delete(other) : off.add(other)));
      } else if (!off.delete(number)) off.add(number);
      refresh();
    });
  });
  document.getElementById("all").addEventListener("click", () => { off.clear(); refresh(); });
  document.getElementById("none").addEventListener("click", () => {
    data.entries.forEach((_, number) => off.add(number));
    refresh();
  });
}

function redraw() {
  drawSamples();
  document.querySelectorAll(".plot").forEach(plot => { if (plot.data) draw(plot); });
}

legend();
for (const chart of data.charts) build(document.querySelector(`[data-chart="${chart.name}"]`), chart);
document.querySelectorAll("table.sortable").forEach(sortable);
document.getElementById("filter")?.addEventListener("input", event => {
  words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  refresh();
});
drawSamples();
refresh();
dark.addEventListener("change", redraw);
window.addEventListener("beforeprint", () => {
  printing = true;
  drawSamples();
  document.querySelectorAll(".plot").forEach(draw);
});
window.addEventListener("afterprint", () => { printing = false; redraw(); });
