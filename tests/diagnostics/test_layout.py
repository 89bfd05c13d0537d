"""TensorBoard's custom scalars: every tag of a run stands on one chart with its like."""

import re

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from rnnlab.diagnostics.layout import layout
from runs import scalars, small_run


def test_layers_and_gates_of_one_kind_share_a_chart():
    tags = [
        "grad/encoder.0.ahead/recurrent/forget",
        "grad/encoder.0.back/recurrent/input",
        "grad/encoder.0.back/bias/input",
        "grad/encoder.embedding",
        "grad/total",
        "grad/total_clipped",
        "grad/clipped",
        "gate/encoder.0.ahead/forget/low",
        "gate/encoder.0.back/input/low",
        "gate/encoder.0.back/c/norm",
        "flow/encoder.0.back/half_life",
        "flow/encoder.0.back/cell/half_life",
        "update/encoder.0.ahead",
        "update/task.head",
        "train/loss",
    ]
    assert layout(tags, ["encoder.0.ahead", "encoder.0.back"]) == {
        "flow": {
            "half_life": ["flow/encoder.0.back/half_life", "flow/encoder.0.back/cell/half_life"]
        },
        "gate": {
            "low": ["gate/encoder.0.ahead/forget/low", "gate/encoder.0.back/input/low"],
            "norm": ["gate/encoder.0.back/c/norm"],
        },
        "grad": {
            "recurrent": [
                "grad/encoder.0.ahead/recurrent/forget",
                "grad/encoder.0.back/recurrent/input",
            ],
            "bias": ["grad/encoder.0.back/bias/input"],
            "modules": ["grad/encoder.embedding"],
            "total": ["grad/total", "grad/total_clipped"],
            "clipped": ["grad/clipped"],
        },
        "loss": {"loss": ["train/loss", "val/loss"]},
        "update": {"modules": ["update/encoder.0.ahead", "update/task.head"]},
    }


def test_a_run_writes_one_layout_with_all_of_its_tags(tmp_path):
    words = ["logger=tensorboard", "diagnostics=full", "encoder.bidirectional=true"]
    small_run(tmp_path / "run", *words, "trainer.gradient_clip_val=1.0")
    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    written = events.Tensors("custom_scalars__config__")
    assert len(written) == 1
    found = layout_pb2.Layout.FromString(written[0].tensor_proto.string_val[0])
    charts = {
        (category.title, chart.title): list(chart.multiline.tag)
        for category in found.category
        for chart in category.chart
    }
    assert len(charts["grad", "recurrent"]) == 8  # two directions, four gates
    assert len(charts["gate", "low"]) == 6
    logged = [
        t for t in scalars(tmp_path / "run") if t.partition("/")[0] in ("grad", "gate", "update")
    ]
    assert logged
    for tag in logged:
        matching = [key for key, tags in charts.items() if any(re.match(t, tag) for t in tags)]
        assert len(matching) == 1, tag
