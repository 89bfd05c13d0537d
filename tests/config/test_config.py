"""Folders of runs, the place of the configurations, and what resolvers give."""

import re
import string
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.config.roots import LONGEST_SLUG, config_dir, fresh, register, slug


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


def test_folders_are_made_once_however_many_ask(tmp_path):
    parent = tmp_path / "a" / "b"
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: fresh(str(parent)), range(40)))
    assert len(set(names)) == 40
    assert sorted(path.name for path in parent.iterdir()) == sorted(names)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(_\d+)?", name) for name in names)


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        fresh(str(tmp_path / "file"))


def test_configurations_are_found():
    assert (config_dir() / "train.yaml").is_file()


def test_registering_twice_does_no_harm():
    register()
    register.cache_clear()
    register()
