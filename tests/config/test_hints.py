"""Values against annotations: what fits, and how the rest is told what would."""

import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Optional, Union

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.config.hints import describe, fits

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
HINTS = st.recursive(
    st.sampled_from(
        [
            *(int, float, bool, str, None, Any, object, pathlib.Path, Literal["a", "b"]),
            *(Literal[1, 2], list[int], dict[str, int], Sequence[float], tuple[float, float]),
        ]
    ),
    lambda inner: st.tuples(inner, inner).map(lambda pair: Union[pair]),  # noqa: UP007
    max_leaves=3,
)


@pytest.mark.parametrize(
    ("value", "hint", "fit"),
    [
        (3, int, True),
        (True, int, False),
        (True, float, False),
        (3.0, int, False),
        (3, float, True),
        ("3", float, False),
        (1, bool, False),
        (False, bool, True),
        (None, int, False),
        (None, int | None, True),
        (None, Optional[str], True),  # noqa: UP045
        ("last", Literal["last", "max"], True),
        ("lst", Literal["last", "max"], False),
        (1, Literal[1, 2], True),
        (True, Literal[1, 2], False),
        (1.0, Literal[1, 2], False),
        ([1], Literal["last"], False),
        ([1, 2], list[int], True),
        ([1, "2"], list[int], False),
        ("ab", list[str], False),
        ("ab", Sequence[str], False),
        ([], list[int], True),
        ([1, 2], list, True),
        ([0.9, 1], tuple[float, float], True),
        ([0.9], tuple[float, float], False),
        ([1, 2, 3], tuple[int, ...], True),
        ([1, "x"], tuple[int, ...], False),
        ([1], Iterable[int], True),
        ({"a": 1}, Mapping[str, int], True),
        ({"a": 1}, dict, True),
        ([("a", 1)], dict, False),
        ({"a": 1}, list[int], False),
        ("a/b", pathlib.Path, True),
        (3, pathlib.Path, False),
        ("a/b", str | pathlib.Path | None, True),
        ("f", Callable[..., int], False),
        ("f", torch.Tensor, False),
        ([1], torch.Tensor, False),
        ([1], set[int], True),
        (None, Callable[..., int] | None, True),
        ([{"a": 1}], Any, True),
        (3, object, True),
    ],
)
def test_fits(value, hint, fit):
    assert fits(value, hint) is fit


@given(VALUES, HINTS, HINTS)
def test_a_union_takes_what_one_of_its_parts_takes(value, one, other):
    assert fits(value, Union[one, other]) == (fits(value, one) or fits(value, other))  # noqa: UP007


@given(VALUES)
def test_anything_fits_where_nothing_is_said(value):
    assert fits(value, Any)


@given(VALUES)
def test_scalars_are_disjoint_but_for_ints_as_floats(value):
    found = [hint for hint in (bool, int, float, str, None, list, dict) if fits(value, hint)]
    assert found == ([int, float] if type(value) is int else found[:1])
    assert found


@given(st.lists(SCALARS), HINTS)
def test_a_list_fits_if_each_of_its_items_does(values, hint):
    assert fits(values, list[hint]) == all(fits(value, hint) for value in values)


@given(st.lists(st.text(min_size=1), min_size=1, unique=True), VALUES)
def test_literals_take_their_choices_alone(choices, value):
    hint = Literal[tuple(choices)]
    assert all(fits(choice, hint) for choice in choices)
    assert fits(value, hint) == (value in choices)
    assert describe(hint) == "one of " + ", ".join(choices)


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int, "an int"),
        (float, "a float"),
        (bool, "true or false"),
        (str, "a text"),
        (float | None, "a float or null"),
        (Optional[int], "an int or null"),  # noqa: UP045
        (Literal["last", "max"], "one of last, max"),
        (Literal["a", "b"] | None, "one of a, b or null"),
        (Literal["a"] | Literal["b"] | int, "one of a, b or an int"),
        (list[int], "a list (each an int)"),
        (list[str] | str, "a list (each a text) or a text"),
        (tuple[float, float], "a list of 2 (each a float)"),
        (tuple[int, ...], "a list (each an int)"),
        (list, "a list"),
        (dict[str, int], "a mapping"),
        (pathlib.Path, "a text"),
        (Callable[..., int], ""),
        (torch.Tensor, ""),
    ],
)
def test_describe(hint, words):
    assert describe(hint) == words


@given(VALUES, HINTS)
def test_what_does_not_fit_can_be_told_why(value, hint):
    if not fits(value, hint):
        assert describe(hint)
