"""What a component's options are, from how its class takes them."""

from dataclasses import MISSING, dataclass
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge

from rnnlab.config.defaults import with_defaults
from rnnlab.config.files import choices, config_dir, read_yaml
from rnnlab.config.hints import describe, fits
from rnnlab.config.roots import ROOTS, TrainConfig
from rnnlab.config.schema import documentation, is_foreign, metadata, options, plain
from rnnlab.config.trust import locate, shipped
from rnnlab.config.types import LEARNT, NonNegativeInt, PositiveInt, Probability
from rnnlab.config.validate import node_problems

OURS = sorted(target for target in shipped() if target.startswith("rnnlab."))


class Part:
    """A component: what is wired, then what is chosen.

    Args:
        wired: Made by the program.
        size: How large it is; a
            second line.
        kind: Which.
    """

    def __init__(self, wired: int, *, size: PositiveInt, kind: Literal["a", "b"] = "a") -> None:
        pass


class Wider(Part):
    """Passes the options of its base on.

    Args:
        rate: Its own.
    """

    def __init__(self, wired: int, *, rate: Probability = 0.5, **options: Any) -> None:
        super().__init__(wired, **options)


@dataclass(kw_only=True)
class Base:
    """A dataclass.

    Args:
        least: The least.
        other: Another.
    """

    least: Annotated[NonNegativeInt, LEARNT] = 1
    other: str = "x"


@dataclass(kw_only=True)
class Derived(Base):
    """Another default, and nothing else said again."""

    least: int = 2
    names: tuple[str, ...] = ("a",)


def test_only_keyword_parameters_are_options():
    assert list(options(Part)) == ["size", "kind"]
    assert options(Part)["size"].default is MISSING
    assert options(Part)["size"].doc == "How large it is; a second line."


def test_options_that_are_passed_on_are_options():
    assert list(options(Wider)) == ["rate", "size", "kind"]
    assert options(Wider)["size"] == options(Part)["size"]


def test_ranges_and_documentation_are_inherited():
    option = options(Derived)["least"]
    assert (option.default, option.doc, option.learnt) == (2, "The least.", True)
    assert describe(option.hint) == "an int of at least 0"
    assert list(options(Derived)) == ["least", "other", "names"]


def test_problems_of_a_node():
    known = options(Part)
    assert list(node_problems("x", {"size": 1}, known, owner="Part")) == []
    assert list(node_problems("x", {"wired": 1, "kind": "c"}, known, owner="Part")) == [
        "x.wired: Part has no such option; there are: kind, size",
        "x.kind: 'c' is not one of a, b",
        "x.size: Part needs a value for it",
    ]


def test_every_parameter_but_the_first_is_an_option_of_a_torch_class():
    from torch.optim import SGD
    from torch.optim.lr_scheduler import StepLR

    assert "params" not in options(SGD)
    assert {"lr", "momentum", "nesterov"} <= set(options(SGD))
    assert "optimizer" not in options(StepLR)
    assert {"step_size", "gamma"} <= set(options(StepLR))


@pytest.mark.parametrize("target", OURS)
def test_every_option_is_documented_and_its_default_fits(target):
    component = locate(target)
    for option in options(component).values():
        assert option.doc, f"{target}: {option.name} is not in the Args: of its class"
        if not option.required:
            default = list(option.default) if isinstance(option.default, tuple) else option.default
            assert fits(default, option.hint), f"{target}: {option.name}={default}"
    known = options(component).keys()
    wired = set(documentation(component)) - known
    assert not any(name in wired for name in known)


@pytest.mark.parametrize("target", OURS)
def test_every_number_has_a_range(target):
    """A range, or a type that says that any finite number is right."""
    free = {"forget_bias", "update_bias", "tag_column", "token_column"}
    for option in options(locate(target)).values():
        parts = {plain(option.hint), *_parts(option.hint)}
        if int in parts or float in parts:
            bounded = any(
                isinstance(item, Ge) or hasattr(item, "gt") for item in metadata(option.hint)
            )
            assert bounded or option.name in free, f"{target}: {option.name} has no range"


def _parts(hint: Any) -> set[Any]:
    from typing import get_args

    found = set()
    for part in get_args(hint):
        found |= {plain(part), *_parts(part)}
    return found


@pytest.mark.parametrize("name", ROOTS)
def test_commands_describe_their_options(name):
    assert all(option.doc for option in options(ROOTS[name]).values())


def test_yaml_says_only_what_differs():
    """A shipped file repeats no default of its class."""
    for group in (path for path in config_dir().iterdir() if path.is_dir()):
        for file in choices(group.name).values():
            node = read_yaml(file) or {}
            if not isinstance(node, dict) or "_target_" not in node:
                continue
            component = locate(node["_target_"])
            if is_foreign(component):
                continue
            for name, option in options(component).items():
                if name in node and not option.required:
                    default = option.default
                    default = list(default) if isinstance(default, tuple) else default
                    assert node[name] != default, f"{file}: {name} is the default already"


def test_defaults_are_filled_in():
    node = {"cell": {"_target_": "rnnlab.layers.gru.GRU"}, "seed": 3}
    filled = with_defaults(node, TrainConfig)
    assert filled["seed"] == 3
    assert filled["cell"]["hidden_size"] == 128
    assert filled["checkpoint"] == {"every_n_steps": 50, "max_overhead": 0.01}
    assert node == {"cell": {"_target_": "rnnlab.layers.gru.GRU"}, "seed": 3}


def test_a_hint_that_only_type_checkers_can_see_does_not_stop_the_others():
    """As of Lightning's logger for wandb, where that is not installed."""
    program = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import nowhere
class Logger:
    def __init__(self, folder, *, run: "nowhere.Run | None" = None, size: "int" = 3): ...
"""
    names = {"__name__": "unseen"}
    exec(program, names)
    known = options(names["Logger"])
    assert (known["run"].hint, known["run"].default) == (Any, None)
    assert (known["size"].hint, known["size"].default) == (int, 3)
