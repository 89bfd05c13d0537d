"""`rnnlab.watch`: the exact gradient at every state of any torch model, in any training loop."""

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor, nn

from rnnlab.diagnostics.figures import plot_curves
from rnnlab.diagnostics.naming import part_name, recurrent_layers
from rnnlab.diagnostics.stats import Curve, curve_of, stacked
from rnnlab.errors import ConfigError
from rnnlab.layers.base import Layer
from rnnlab.layers.from_torch import converted, torch_modules
from rnnlab.layers.fused import Kernel
from rnnlab.layers.watch import StateGradients


class StateFlow:
    """Gradients of the loss at all states of one layer and direction: dL/dh_t, or dL/dc_t.

    Step t is the state after the layer's t-th step, in the order in which it reads: a backward
    direction begins with each sequence's last step. What lies beyond a sequence's end is 0.

    Attributes:
        passes: Norms (B, T) of the backward passes so far, the latest last.
        vectors: The gradients (B, T, H) of the latest pass; None unless they are asked for.
    """

    def __init__(self, keep: int) -> None:
        self.passes: deque[Float[Tensor, "B T"]] = deque(maxlen=keep)
        self.vectors: Float[Tensor, "B T H"] | None = None

    @property
    def norms(self) -> Float[Tensor, "B T"]:
        """||dL/dh_t|| of each sequence and step, of the latest pass."""
        return self.passes[-1]

    @property
    def norm(self) -> Float[Tensor, "T"]:
        """||dL/dh_t|| of the whole batch at each step, of the latest pass."""
        return self.norms.square().sum(0).sqrt()

    @property
    def curve(self) -> Curve:
        """Norms against the lag from each sequence's own end, over all kept passes."""
        return curve_of(stacked([norms.cpu().numpy() for norms in self.passes]))

    @property
    def decades_per_step(self) -> float:
        """Slope against the lag: 0 healthy, negative vanishing, positive exploding; see `Curve`."""
        return self.curve.decades_per_step

    @property
    def half_life(self) -> float:
        """Steps in which the gradient halves, or doubles where the slope is positive."""
        return self.curve.half_life


class GradientFlow(Mapping[str, StateFlow]):
    """What `watch` saw, by layer: `lstm.0`, `lstm.1.backward`, and `lstm.0/cell` of dL/dc_t.

    It is empty before the first backward pass. Printed, it is a table.
    """

    def __init__(self, keep: int, *, vectors: bool) -> None:
        self._keep, self._vectors = keep, vectors
        self._flows: dict[str, StateFlow] = {}

    def add(self, layer: str, gradients: StateGradients) -> None:
        """Take what a backward pass shows of a layer."""
        shown = gradients.vectors() if self._vectors else None
        for part, norms in enumerate(gradients.norms()):
            flow = self._flows.setdefault(part_name(layer, part), StateFlow(self._keep))
            flow.passes.append(norms.detach().clone())
            flow.vectors = None if shown is None else shown[part].detach().clone()

    def clear(self) -> None:
        """Forget all passes so far."""
        self._flows.clear()

    def __getitem__(self, name: str) -> StateFlow:
        """A layer, by name."""
        return self._flows[name]

    def __iter__(self) -> Iterator[str]:
        """The names of layers, sorted."""
        return iter(sorted(self._flows))

    def __len__(self) -> int:
        """Number of layers, and of cell states."""
        return len(self._flows)

    def __str__(self) -> str:
        """A line a layer: slope, half-life, and where the gradient falls to a tenth."""
        if not self._flows:
            return "no backward pass was seen"
        width = max(map(len, self._flows))
        lines = [f"{'layer':{width}}  decades/step  half-life  lag of a tenth"]
        for name in self:
            curve = self[name].curve
            numbers = curve.decades_per_step, curve.half_life, curve.lag_of_tenth
            first, *others = ("-" if value != value else f"{value:.3g}" for value in numbers)
            lines.append(f"{name:{width}}  {first:>12}  {others[0]:>9}  {others[1]:>14}")
        return "\n".join(lines)

    def figure(self, title: str = "Gradient through time") -> Figure:
        """Curves of all layers against the lag, relative to lag 0, on rnnlab's fixed scale.

        Raises:
            ValueError: No backward pass was seen.
        """
        if not self._flows:
            raise ValueError(str(self))
        figure = plot_curves({name: self[name].curve for name in self}, "dL/dh", 0)
        figure.axes[0].set_title(title, loc="left", fontsize=10.5)
        return figure


@contextmanager
def watch(
    module: nn.Module, *, keep: int = 100, vectors: bool = False, kernel: Kernel = "auto"
) -> Iterator[GradientFlow]:
    """Show dL/dh_t of every recurrent layer of a model while the `with` block lasts.

    Within it `nn.RNN`, `nn.LSTM` and `nn.GRU` are computed by rnnlab's layers, with the same
    parameters and the same results up to rounding; so optimisers, hooks and checkpoints go on
    working, and at the end of the block everything is as before. Layers of rnnlab itself are
    watched as they are. A loss that is scaled has scaled gradients: their slope does not change.

    Example:
        >>> import torch, rnnlab
        >>> lstm = torch.nn.LSTM(3, 8, batch_first=True)
        >>> with rnnlab.watch(lstm) as flow:
        ...     lstm(torch.randn(4, 20, 3))[0][:, -1].sum().backward()
        >>> sorted(flow), tuple(flow["0"].norms.shape)
        (['0', '0/cell'], (4, 20))

    Args:
        module: Any model that is not compiled; one with parameters of any dtype, on any device.
        keep: Backward passes that are kept of each layer, the latest.
        vectors: Keep the gradients themselves of the latest pass, and not their norms alone.
        kernel: `scan` for second derivatives (`create_graph=True`); see `rnnlab.layers.fused`.

    Raises:
        ConfigError: There is nothing to watch, or a module has projections (`proj_size`) or a
            `forward` of its own.
    """
    own = recurrent_layers(module)
    others = torch_modules(module)
    if not own and not others:
        raise ConfigError(
            f"watch: {type(module).__name__} has no nn.RNN, nn.LSTM or nn.GRU (cells that are "
            "called step by step cannot be watched)"
        )
    flow = GradientFlow(keep, vectors=vectors)
    with ExitStack() as stack:
        layers: dict[str, Layer] = dict(own)
        made = stack.enter_context(converted(list(others.values()), kernel))
        for name, inside in zip(others, made, strict=True):
            layers |= {f"{name}.{depth}".lstrip("."): each for depth, each in inside.layers.items()}
        for name, layer in layers.items():
            stack.enter_context(layer.watch(partial(flow.add, name or "layer")))
        yield flow
