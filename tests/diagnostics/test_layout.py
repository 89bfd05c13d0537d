"""TensorBoard's custom scalars: every tag of a run stands on one chart with its like."""

import re

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from rnnlab.diagnostics.layout import layout
from runs import scalars, small_run

TAGS = [
    "grad/encoder.0.forward/recurrent/forget",
    "grad/encoder.0.backward/recurrent/input",
    "grad/encoder.0.backward/bias/input",
    "grad/encoder.embedding",
    "grad/total",
    "grad/total_clipped",
    "grad/clipped",
    "gate/encoder.0.forward/forget/low",
    "gate/encoder.0.backward/input/low",
    "gate/encoder.0.backward/c/norm",
    "flow/encoder.0.backward/half_life",
    "flow/encoder.0.backward/cell/half_life",
    "update/encoder.0.forward",
    "update/task.head",
    "train/loss",
]


def drawn(charts, tags):
    """(Category, chart) -> tags, as TensorBoard finds them: by `match`, in all categories."""
    return {
        (category, chart): found
        for category, named in charts.items()
        for chart, patterns in named.items()
        if (found := [tag for tag in tags if any(re.match(each, tag) for each in patterns)])
    }


def test_layers_and_gates_of_one_kind_share_a_chart():
    assert drawn(layout(TAGS), [*TAGS, "val/loss"]) == {
        ("flow", "half_life"): [
            "flow/encoder.0.backward/half_life",
            "flow/encoder.0.backward/cell/half_life",
        ],
        ("gate", "low"): ["gate/encoder.0.forward/forget/low", "gate/encoder.0.backward/input/low"],
        ("gate", "norm"): ["gate/encoder.0.backward/c/norm"],
        ("grad", "recurrent"): [
            "grad/encoder.0.forward/recurrent/forget",
            "grad/encoder.0.backward/recurrent/input",
        ],
        ("grad", "bias"): ["grad/encoder.0.backward/bias/input"],
        ("grad", "modules"): ["grad/encoder.embedding"],
        ("grad", "total"): ["grad/total", "grad/total_clipped"],
        ("grad", "clipped"): ["grad/clipped"],
        ("loss", "loss"): ["train/loss", "val/loss"],
        ("update", "modules"): ["update/encoder.0.forward", "update/task.head"],
    }


def charts_of(folder):
    """The one layout that a run has written."""
    events = EventAccumulator(str(folder))
    events.Reload()
    written = events.Tensors("custom_scalars__config__")
    assert len(written) == 1
    found = layout_pb2.Layout.FromString(written[0].tensor_proto.string_val[0])
    return {
        category.title: {chart.title: list(chart.multiline.tag) for chart in category.chart}
        for category in found.category
    }


def test_runs_of_other_cells_and_depths_have_the_same_charts(tmp_path):
    """What both have is described alike, and holds all tags of both."""
    words = ["logger=tensorboard", "diagnostics=full", "diagnostics.projector=null"]
    small_run(tmp_path / "a", *words, "encoder.bidirectional=true", "trainer.gradient_clip_val=1.0")
    small_run(tmp_path / "b", *words, "cell=gru", "encoder.num_layers=2")
    one, other = charts_of(tmp_path / "a"), charts_of(tmp_path / "b")
    shared = [(c, chart) for c in one for chart in one[c] if chart in other.get(c, {})]
    assert {("grad", "recurrent"), ("gate", "low"), ("flow", "half_life")} <= set(shared)
    for category, chart in shared:
        assert one[category][chart] == other[category][chart]
    assert "saturated" in one["gate"]
    logged = {run: list(scalars(tmp_path / run)) for run in ("a", "b")}
    mine = drawn(one, logged["a"])
    assert len(mine["grad", "recurrent"]) == 8  # two directions, four gates
    assert len(mine["gate", "low"]) == 6
    assert len(drawn(one, logged["b"])["grad", "recurrent"]) == 6  # two layers, three gates
    for charts, tags in ((one, logged["a"]), (other, logged["b"])):
        everywhere = [tag for found in drawn(charts, tags).values() for tag in found]
        assert len(everywhere) == len(set(everywhere))
        kinds = ("grad/", "gate/", "flow/", "memory/", "update/", "time/")
        assert {t for t in tags if t.startswith(kinds)} <= set(everywhere)
