"""rnnlab: study and train recurrent networks.

From Python, a run and a trained model are a few lines:

    import rnnlab
    run = rnnlab.train("task=sentiment", "cell=gru")
    model = rnnlab.load(run.folder)
    model.predict(["What a film!"])

Of any torch model, in its own training loop:

    with rnnlab.watch(model) as flow:
        loss(model(x), y).backward()
    print(flow)
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
