"""Folders of runs, the place of the configurations, and what resolvers give."""

import string

from hypothesis import given
from hypothesis import strategies as st

from rnnlab.config.compose import LONGEST_SLUG, register, slug
from rnnlab.config.files import config_dir


@given(st.text())
def test_slugs_are_short_names_of_one_folder(text):
    name = slug(text)
    assert 1 <= len(name) <= LONGEST_SLUG
    assert not set(name) & set("=,/\\ \n\t\x00")
    assert name not in (".", "..")


@given(st.text(alphabet=string.ascii_letters + string.digits + "_", min_size=1, max_size=80))
def test_plain_names_stay(text):
    assert slug(text) == text


def test_overrides_stay_readable():
    assert slug("cell=gru,data.lag=50,task/x=[1,2]") == "cell-gru-lag-50-x-1-2"


def test_no_option_is_cut_in_a_name():
    """As many whole options as fit; a single one that is too long is cut."""
    options = [f"task.option_{i}={'v' * i}" for i in range(1, 12)]
    wholes = ["-".join(f"option_{i}-{'v' * i}" for i in range(1, n + 1)) for n in range(1, 12)]
    name = slug(",".join(options))
    assert name == max((whole for whole in wholes if len(whole) <= LONGEST_SLUG), key=len)
    assert slug("path=" + "a" * 100) == "path-" + "a" * 75


def test_configurations_are_found():
    assert (config_dir() / "train.yaml").is_file()


def test_registering_twice_does_no_harm():
    register()
    register.cache_clear()
    register()
