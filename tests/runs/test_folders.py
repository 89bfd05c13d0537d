"""Folders of runs: made once, whoever asks."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from rnnlab.errors import ConfigError
from rnnlab.runs.folders import dated, new_folder


def test_folders_are_made_once_however_many_ask(tmp_path):
    parent = tmp_path / "a" / "b"
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: dated(parent), range(40)))
    assert len(set(folders)) == 40
    assert sorted(parent.iterdir()) == sorted(folders)
    pattern = r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(_\d+)?"
    assert all(re.fullmatch(pattern, folder.name) for folder in folders)


def test_a_number_stands_behind_a_name_that_is_taken(tmp_path):
    made = [new_folder(tmp_path / "run") for _ in range(3)]
    assert [folder.name for folder in made] == ["run", "run_2", "run_3"]


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot write .*file"):
        dated(tmp_path / "file")
