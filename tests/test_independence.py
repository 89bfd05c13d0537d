"""Cells do not know each other, nor do tasks: found by walking `configs/`."""

from itertools import permutations

import grimp
import pytest

from rnnlab.config.files import choices, read_yaml
from rnnlab.config.trust import targets


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("rnnlab", cache_dir=None)


@pytest.mark.parametrize("group", ["cell", "task"])
def test_choices_do_not_import_each_other(group, graph):
    """Neither directly nor through other modules."""
    modules = {
        target.rpartition(".")[0]
        for file in choices(group).values()
        for path, target in targets(read_yaml(file))
        if path in ("", group)
    }
    assert len(modules) > 2
    assert modules <= graph.modules
    for one, other in permutations(sorted(modules), 2):
        assert graph.find_shortest_chain(one, other) is None
