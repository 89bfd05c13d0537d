"""torch's `nn.RNN`, `nn.LSTM` and `nn.GRU`, computed by layers that use the same parameters."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from rnnlab.errors import ConfigError
from rnnlab.layers.base import Layer, Lengths, State
from rnnlab.layers.fused import FusedLayer, Kernel
from rnnlab.layers.ghost import WEIGHTS
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.padding import reverse_padded
from rnnlab.layers.parameters import replaced_parameters
from rnnlab.layers.rnn import RNN

Hidden = Tensor | tuple[Tensor, Tensor]
"""A state as torch gives it: h (L, B, H), of an LSTM with c, of all layers and directions."""


class TorchLayers:
    """The layers of one module of torch, one for each depth and direction.

    Called like the module it returns what the module would, up to rounding; of the dropout between
    layers it draws the same masks. Parameters are looked up at each call: optimisers, `.to()` and
    parametrizations go on working.

    Args:
        module: One `nn.RNN`, `nn.LSTM` or `nn.GRU`, which is not changed.
        kernel: See `rnnlab.layers.fused.Kernel`.

    Attributes:
        layers: By name, such as `0` and `1`, or `0.forward` and `0.backward` in two directions.

    Raises:
        ConfigError: It has projections (`proj_size`), or a `forward` of its own.
    """

    def __init__(self, module: nn.RNNBase, kernel: Kernel = "auto") -> None:
        base = next(each for each in (nn.RNN, nn.LSTM, nn.GRU) if isinstance(module, each))
        kind = type(module).__name__
        if type(module).forward is not base.forward or "forward" in vars(module):
            raise ConfigError(f"{kind}: a forward method of its own cannot be converted")
        if module.proj_size:
            raise ConfigError(f"{kind}: proj_size={module.proj_size} is not supported; only 0 is")
        self.module, self.users = module, 0
        self.layers: dict[str, FusedLayer] = {}
        for depth in range(module.num_layers):
            size = module.input_size if depth == 0 else module.hidden_size * self.directions
            for way in (".forward", ".backward") if module.bidirectional else ("",):
                with torch.device("meta"):  # the parameters will be the module's
                    self.layers[f"{depth}{way}"] = self._layer(size, kernel)

    @property
    def directions(self) -> int:
        """1 or 2."""
        return 2 if self.module.bidirectional else 1

    def _layer(self, size: int, kernel: Kernel) -> FusedLayer:
        module = self.module
        if isinstance(module, nn.LSTM):
            made: FusedLayer = LSTM(
                size, hidden_size=module.hidden_size, init="torch", kernel=kernel
            )
        elif isinstance(module, nn.GRU):
            made = GRU(size, hidden_size=module.hidden_size, init="torch", kernel=kernel)
        else:
            relu = "relu" if module.nonlinearity == "relu" else "tanh"
            made = RNN(
                size,
                hidden_size=module.hidden_size,
                nonlinearity=relu,  # type: ignore[arg-type]
                init="torch",
                kernel=kernel,
            )
        return made

    def parameters_of(self, number: int) -> dict[str, Tensor]:
        """Of the layer of this number the module's parameters, by their names in a layer.

        Where the module has no biases they are zero.
        """
        depth, reverse = divmod(number, self.directions)
        found: dict[str, Tensor] = {}
        for name in WEIGHTS:
            own = name.replace("_l0", f"_l{depth}") + "_reverse" * reverse
            if self.module.bias or not name.startswith("bias"):
                found[name] = getattr(self.module, own)
            else:
                found[name] = found["weight_ih_l0"].new_zeros(len(found["weight_ih_l0"]))
        return found

    def __call__(
        self, input: Tensor | PackedSequence, hx: Hidden | None = None
    ) -> tuple[Tensor | PackedSequence, Hidden]:
        """What the module's `forward` returns; see torch's documentation."""
        module = self.module
        if isinstance(input, PackedSequence):
            self._check(input.data, hx, input.batch_sizes)
            x, lengths = pad_packed_sequence(input, batch_first=True)
            x, after = self._run(x, lengths.to(x.device), hx, input)
            return _packed(x, input), after
        if input.dim() not in (2, 3):
            raise ValueError(
                f"{type(module).__name__}: inputs of 2 or 3 dimensions, not {input.dim()}"
            )
        single = input.dim() == 2
        along = 0 if module.batch_first else 1
        if single:
            input = input.unsqueeze(along)
            parts = (hx,) if isinstance(hx, Tensor) else hx
            widened = None if parts is None else tuple(part.unsqueeze(1) for part in parts)
            hx = widened[0] if widened is not None and isinstance(hx, Tensor) else widened  # type: ignore[assignment]
        self._check(input, hx, None)
        x = input if module.batch_first else input.transpose(0, 1)
        x, after = self._run(x, None, hx, None)
        x = x if module.batch_first else x.transpose(0, 1).contiguous()  # users call `.view`
        if not single:
            return x, after
        first = after.squeeze(1) if isinstance(after, Tensor) else None
        return x.squeeze(along), first if first is not None else tuple(p.squeeze(1) for p in after)  # type: ignore[return-value]

    def _check(self, data: Tensor, hx: Hidden | None, batch_sizes: Tensor | None) -> None:
        """Let torch refuse shapes that do not fit, with its own messages.

        Raises:
            RuntimeError: They do not.
        """
        module: Any = self.module  # whose own type knows no state of an LSTM
        if hx is None:
            batch = (
                int(batch_sizes[0])
                if batch_sizes is not None
                else data.shape[module.batch_first ^ 1]
            )
            zeros = data.new_empty(len(self.layers), batch, module.hidden_size)
            hx = (zeros, zeros) if isinstance(module, nn.LSTM) else zeros
        module.check_forward_args(data, hx, batch_sizes)

    def _run(
        self,
        x: Float[Tensor, "B T D"],
        lengths: Lengths,
        hx: Hidden | None,
        packed: PackedSequence | None,
    ) -> tuple[Float[Tensor, "B T H"], Hidden]:
        """All layers, the lowest first."""
        module = self.module
        states = () if hx is None else (hx,) if isinstance(hx, Tensor) else hx
        finals: list[State] = []
        numbers, layers = count(), iter(self.layers.values())
        for depth in range(module.num_layers):
            if depth and module.dropout and module.training:
                x = _dropped(x, module.dropout, packed)
            outputs = []
            for direction in range(self.directions):
                number, layer = next(numbers), next(layers)
                layer.train(module.training)
                state = tuple(part[number] for part in states) or None
                read = reverse_padded(x, lengths) if direction else x
                with replaced_parameters(layer, self.parameters_of(number)):
                    output, final = layer(read, lengths, state)
                outputs.append(reverse_padded(output, lengths) if direction else output)
                finals.append(final)
            x = torch.cat(outputs, dim=2) if len(outputs) > 1 else outputs[0]
        parts = [torch.stack(part) for part in zip(*finals, strict=True)]
        return x, (parts[0], parts[1]) if len(parts) == 2 else parts[0]


def _packed(x: Float[Tensor, "B T F"], like: PackedSequence) -> PackedSequence:
    """Padded sequences, packed as another batch is."""
    order, sizes = like.sorted_indices, like.batch_sizes
    rows = x if order is None else x.index_select(0, order)
    lengths = (sizes.unsqueeze(1) > torch.arange(int(sizes[0]))).sum(0)
    data = pack_padded_sequence(rows, lengths, batch_first=True).data
    return PackedSequence(data, sizes, order, like.unsorted_indices)


def _dropped(x: Float[Tensor, "B T F"], p: float, packed: PackedSequence | None) -> Tensor:
    """Dropout in torch's own layout: steps first, or packed; so its masks are the same."""
    if packed is None:
        return functional.dropout(x.transpose(0, 1).contiguous(), p).transpose(0, 1)
    same = _packed(x, packed)
    dropped = same._replace(data=functional.dropout(same.data, p))
    return pad_packed_sequence(dropped, batch_first=True)[0]


@contextmanager
def converted(
    modules: Sequence[nn.RNNBase], kernel: Kernel = "auto"
) -> Iterator[list[TorchLayers]]:
    """Within it, calls of these modules are computed by `TorchLayers`; contexts may be nested.

    Only the attribute `forward` of each is set: its parameters, hooks and state_dict stay.

    Raises:
        ConfigError: See `TorchLayers`; then none is changed.
    """
    former = [vars(module).get("forward") for module in modules]
    made = [
        own if isinstance(own, TorchLayers) else TorchLayers(module, kernel)
        for module, own in zip(modules, former, strict=True)
    ]
    with ExitStack() as stack:
        for module, layers in zip(modules, made, strict=True):
            layers.users += 1
            vars(module)["forward"] = layers
            stack.callback(_release, module, layers)
        yield made


def _release(module: nn.RNNBase, layers: TorchLayers) -> None:
    layers.users -= 1
    if not layers.users:
        del vars(module)["forward"]


def torch_modules(module: nn.Module) -> dict[str, nn.RNNBase]:
    """Torch's own recurrent modules within a module, by name; those of rnnlab are `Layer`s."""
    return {
        name: part
        for name, part in module.named_modules()
        if isinstance(part, nn.RNNBase) and not issubclass(type(part), Layer)
    }
