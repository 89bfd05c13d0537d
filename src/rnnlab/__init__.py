"""rnnlab: study and train recurrent networks.

From Python, a run and a trained model are a few lines:

    >>> import rnnlab
    >>> overrides = ["task=delayed_recall", "data.lag=3", "data.train_size=64"]
    >>> run = rnnlab.train(*overrides, "trainer.max_epochs=1", quiet=True)
    >>> model = rnnlab.load(run.folder)
    >>> model.predict(["b a c d"])
    [Label(label=..., probability=...)]

Of any torch model, in its own training loop:

    >>> import torch
    >>> model, x = torch.nn.LSTM(3, 8, batch_first=True), torch.randn(4, 20, 3)
    >>> with rnnlab.watch(model) as flow:
    ...     model(x)[0][:, -1].sum().backward()
    >>> flow["0"].norms.shape
    torch.Size([4, 20])
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from rnnlab.errors import RnnlabError

if TYPE_CHECKING:
    from rnnlab.commands.analyze.exponents import lyapunov
    from rnnlab.diagnostics.watch import watch
    from rnnlab.runs.api import compose, train
    from rnnlab.runs.predictor import load

__version__ = version("rnnlab")
__all__ = ["RnnlabError", "__version__", "compose", "load", "lyapunov", "train", "watch"]

_HOMES = {
    "compose": "rnnlab.runs.api",
    "load": "rnnlab.runs.predictor",
    "lyapunov": "rnnlab.commands.analyze.exponents",
    "train": "rnnlab.runs.api",
    "watch": "rnnlab.diagnostics.watch",
}
"""Where each name is defined: it is imported when it is asked for, torch and friends with it."""


def __getattr__(name: str) -> Any:
    """Import torch and friends only when they are needed: `rnnlab --help` must be quick."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'rnnlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted(__all__)
