"""All that is measured of an encoder and of its recurrent layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rnnlab.commands.analyze.fixed_points import FixedPoints, fixed_points
from rnnlab.commands.analyze.gates import Gates, Matrix, gates_of, recurrent_matrices
from rnnlab.commands.analyze.inputs import Streams, encoder_layers, join, read, sequences
from rnnlab.commands.analyze.lyapunov import Exponents, lyapunov, state_size
from rnnlab.data.base import SequenceData
from rnnlab.data.batch import Batch
from rnnlab.data.spec import Kind
from rnnlab.diagnostics.influence import influence
from rnnlab.diagnostics.memory import memory_curve
from rnnlab.diagnostics.naming import named_layers
from rnnlab.diagnostics.stats import Curve
from rnnlab.diagnostics.time_flow import curves, watch_norms
from rnnlab.errors import ConfigError
from rnnlab.layers.base import Layer
from rnnlab.layers.trace import Trace
from rnnlab.runs.build import Model

FEW = 8
"""Default number of exponents."""


@dataclass(frozen=True)
class LayerReport:
    """Measurements of one layer.

    Attributes:
        cell: Name of its class.
        sizes: Features of its input and of its output.
        streams: Inputs that drove it.
        exponents: Its largest Lyapunov exponents.
        flow: dL/dh_t against the lag, and of an LSTM dL/dc_t, under the names of `part_name`.
        memory: ||dh_T/dh_{T-k}|| against k, and of an LSTM dh_T/dc_{T-k}, of the first batch.
        matrices: Its recurrent matrices, by gate.
        gates: Means, shares and time scales of its gates.
        fixed_points: Where it comes to rest with its mean input; None where that is not asked for.
    """

    cell: str
    sizes: tuple[int, int]
    streams: Streams
    exponents: Exponents
    flow: Mapping[str, Curve]
    memory: Mapping[str, Curve]
    matrices: Mapping[str, Matrix]
    gates: Gates
    fixed_points: FixedPoints | None = None


@dataclass(frozen=True)
class Analysis:
    """Measurements of a model on a data set.

    Attributes:
        layers: Report of every recurrent layer of the encoder, by name, in order.
        kind: Kind of the targets.
        length: Median length of the sequences, as the layers read them, without padding.
        lag: Steps over which the task needs memory, where the data has a `lag`.
        stateless: Classes of its other layers, by name: attention has no state of a fixed size.
        influence: ||d out_T / d x_{T-k}|| of the whole encoder against k, of the first batch.
    """

    layers: Mapping[str, LayerReport]
    kind: Kind
    length: float
    lag: int | None
    stateless: Mapping[str, str]
    influence: Curve


def check_k(encoder: nn.Module, k: int | None) -> None:
    """Check that the recurrent layers have as many exponents as are asked for.

    Raises:
        ConfigError: There is no recurrent layer, or a state has fewer than k numbers.
    """
    layers = encoder_layers(encoder)
    if k is not None and not layers:
        raise ConfigError(f"k: {type(encoder).__name__} has no recurrent layer with exponents")
    for name, layer in layers.items():
        size = _size(layer)
        if k is not None and k > size:
            raise ConfigError(f"k: {k} exponents, but the state of {name} has {size} numbers")


def measure(
    model: Model,
    data: SequenceData,
    options: Mapping[str, Any],
    device: torch.device = torch.device("cpu"),  # noqa: B008 - immutable
) -> Analysis:
    """Read the data's test split, and measure the encoder and each of its recurrent layers.

    Args:
        model: In evaluation mode, on the CPU, where it is afterwards, too.
        data: Data that fits the model.
        options: Options of the command, see `rnnlab.config.roots.AnalyzeConfig`.
        device: Where the model's own passes are computed.
    """
    both = nn.ModuleDict({"encoder": model.encoder, "task": model.task}).to(device)
    wanted = (options["steps"] + options["transient"]) * options["streams"]
    loader = (batch.to(device) for batch in data.test_dataloader())
    traces, batches = read(model.encoder, loader, steps=wanted, least=options["batches"])
    flow = loss_flow(model, batches[: options["batches"]])
    whole = influence(model.encoder, batches[0])
    both.cpu()
    layers = {}
    for name, layer in encoder_layers(model.encoder).items():
        own = {part: flow[part] for part in flow if part == name or part.startswith(f"{name}/")}
        layers[name] = _report(layer, traces[name], own, options)
    lengths = torch.cat([batch.lengths for batch in batches]).cpu()
    if traces:  # as layers read them: subsampling makes them shorter
        lengths = torch.cat([trace.valid.sum(1) for trace in next(iter(traces.values()))])
    lag = getattr(data, "lag", None)
    length = float(lengths.double().quantile(0.5))
    others = {
        f"encoder.{name}": type(layer).__name__
        for name, layer in named_layers(model.encoder).items()
        if not layer.fixed_size_state
    }
    return Analysis(layers, data.spec().kind, length, lag, others, whole)


def loss_flow(model: Model, batches: Sequence[Batch]) -> dict[str, Curve]:
    """dL/dh_t (and dL/dc_t, as `.../cell`) of all recurrent layers against the lag.

    Args:
        model: In evaluation mode; its parameters have no gradients afterwards.
        batches: Batches, each with its own backward pass.
    """
    both = nn.ModuleDict({"encoder": model.encoder, "task": model.task})
    seen: dict[str, list[Tensor]] = {}
    with watch_norms(both, seen):
        for batch in batches:
            encoded = model.encoder(batch.inputs, batch.lengths, batch.words)
            model.task.loss(encoded, batch).backward()  # type: ignore[no-untyped-call]
    both.zero_grad(set_to_none=True)
    return curves(seen) if seen else {}


def _report(
    layer: Layer, traces: Sequence[Trace], flow: Mapping[str, Curve], options: Mapping[str, Any]
) -> LayerReport:
    streams = join(
        sequences(traces),
        steps=options["steps"] + options["transient"],
        streams=options["streams"],
        seed=options["seed"],
    )
    exponents = lyapunov(
        layer,
        streams.inputs,
        None if options["carry"] else streams.starts,
        k=options["k"] or min(FEW, _size(layer)),
        transient=options["transient"],
        seed=options["seed"],
    )
    few, starts = traces[: options["batches"]], options["fixed_points"]
    rest = None
    if starts != 0:
        rest = fixed_points(layer, few, starts=starts, seed=options["seed"])
    return LayerReport(
        cell=type(layer).__name__,
        sizes=(layer.input_size, layer.output_size),
        streams=streams,
        exponents=exponents,
        flow=flow,
        memory=dict(zip(flow, memory_curve(layer, traces[0]), strict=True)),
        matrices=recurrent_matrices(layer),
        gates=gates_of(layer, few),
        fixed_points=rest,
    )


def _size(layer: Layer) -> int:
    like = next(layer.parameters(), torch.zeros(()))
    return state_size(layer.initial_state(1, like))
