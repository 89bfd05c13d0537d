"""The gradient through time: the total gradient dL/dh_t of each state, against the lag."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from lightning import LightningModule, Trainer
from torch import Tensor, nn

from rnnlab.diagnostics.curve_instrument import CurveInstrument
from rnnlab.diagnostics.naming import part_name, recurrent_layers
from rnnlab.diagnostics.periodic import PassOverhead, seconds_of_all, throughput_of
from rnnlab.diagnostics.stats import Curve, curve_of, stacked
from rnnlab.layers.watch import StateGradients
from rnnlab.training.module import SequenceModule


@contextmanager
def watch_norms(module: nn.Module, seen: dict[str, list[Tensor]]) -> Iterator[None]:
    """Watch all recurrent layers in a `with` block.

    Args:
        module: What holds them.
        seen: Filled by the backward passes: of each part of each layer's state the norms (B, T) of
            its gradients, one tensor for each time that the layer was called.
    """

    def keep(layer: str, gradients: StateGradients) -> None:
        for part, norms in enumerate(gradients.norms()):
            seen.setdefault(part_name(layer, part), []).append(norms)

    with ExitStack() as stack:
        for name, layer in recurrent_layers(module).items():
            stack.enter_context(layer.watch(partial(keep, name)))
        yield


def curves(seen: Mapping[str, list[Tensor]], scale: Tensor | None = None) -> dict[str, Curve]:
    """Curves of norms on a device, by name, sorted; one copy for all of them.

    Args:
        seen: See `watch_norms`.
        scale: What the loss was multiplied by before the backward pass; None for 1.
    """
    every = [norms for name in sorted(seen) for norms in seen[name]]
    flat = torch.cat([norms.flatten() for norms in every])
    flat = (flat if scale is None else flat / scale).cpu()
    pieces = iter(torch.split_with_sizes(flat, [norms.numel() for norms in every]))
    return {
        name: curve_of(stacked([next(pieces).view_as(norms).numpy() for norms in seen[name]]))
        for name in sorted(seen)
    }


class PassCurves(CurveInstrument):
    """Base of the instruments that watch the training's own forward and backward pass.

    No pass is repeated. On the steps between nothing is done and no device is waited for, and at a
    sampled one once.

    Gradients are those of the mean loss of one batch: a loss scale (fp16) and the division by
    `accumulate_grad_batches` are undone. Under accumulation the first batch of a sampled step is
    measured; of several processes the first one, by its own share of the batch.

    Its cost, for `max_overhead`, is what comes after the backward pass and what the watched passes
    take beyond usual ones (`PassOverhead`), the hooks of other instruments left out. Where two such
    instruments watch the same pass, each counts what both add to it.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._overhead = PassOverhead()
        self._started: tuple[float, int] | None = None
        self._seen: dict[str, list[Any]] | None = None

    @abstractmethod
    def watch(self, module: nn.Module, seen: dict[str, list[Any]]) -> AbstractContextManager[None]:
        """Watch the layers of a module in a `with` block; `seen` is filled, see `norms`."""

    def norms(self, seen: dict[str, list[Any]]) -> Mapping[str, list[Tensor]]:
        """Of each layer the norms (B, T), one tensor for each time that it was called."""
        return seen

    @property
    def cost(self) -> float:
        """Seconds that measuring took so far."""
        return self.seconds + self._overhead.excess

    @staticmethod
    def _now(trainer: Trainer) -> float:
        """A clock that stops while an instrument works in a hook of its own."""
        return throughput_of(trainer).clock() - seconds_of_all(trainer)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Watch the forward pass, where it is due."""
        if not trainer.is_global_zero:
            return
        if throughput_of(trainer).max_overhead is not None:
            self._started = self._now(trainer), batch.inputs.shape[0] * batch.inputs.shape[1]
        if self.is_due(trainer):
            assert isinstance(pl_module, SequenceModule)
            self._seen = {}
            pl_module.observers.add(self.watch(pl_module, self._seen))

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Collect the norms, in one copy from the device."""
        assert isinstance(pl_module, SequenceModule)
        seen, self._seen = self._seen, None
        if self._started is not None:
            before, tokens = self._started
            self._overhead.add(self._now(trainer) - before, tokens, watched=seen is not None)
            self._started = None
        if seen:
            with self.timed(trainer):
                scale = pl_module.observers.loss_scale
                self.add_curves(trainer, curves(self.norms(seen), scale))


class TimeFlow(PassCurves):
    """Measures the gradient through time of every recurrent layer, on sampled optimiser steps.

    It watches the training's own forward and backward pass (see `Layer.watch`): no pass is
    repeated, though gates that torch's kernel does not keep are computed again. Where every step
    has a loss of its own (tags, language models, decoders) the curve is flat by construction and
    says nothing about memory: see `Memory`.

    Key                              | Meaning
    flow/<layer>/decades_per_step    | slope of log10 ||dL/dh_t|| against the lag: 0 healthy,
                                     | negative vanishing towards the past, positive exploding;
                                     | only where a straight line describes the curve
    flow/<layer>/half_life           | steps in which it halves (or doubles); where there is a slope
    flow/<layer>/lag_of_tenth        | lag at which it first falls to a tenth of that at lag 0
    flow/<layer>/lag_of_hundredth    | the same of a hundredth; absent where it does not fall so far
    flow/<layer>/first_last_ratio    | at a sequence's first step over that at its last
    flow/<layer>/cell/...            | the same of dL/dc_t, an LSTM's cell state

    <layer> as `encoder.0.forward` or `task.decoder.0`; for lags see `rnnlab.diagnostics.stats`. The
    curves are kept and drawn as `CurveInstrument` says. For whose gradients these are, and what
    measuring costs, see `PassCurves`.
    """

    name, prefix, quantity = "time_flow", "flow", "dL/dh"

    def watch(self, module: nn.Module, seen: dict[str, list[Any]]) -> AbstractContextManager[None]:
        """See `watch_norms`."""
        return watch_norms(module, seen)
