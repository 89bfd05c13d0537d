"""Trees in brackets with a label at every node, as the Stanford Sentiment Treebank writes them."""

import re
from collections.abc import Iterator

from rnnlab.errors import DataError

_PART = re.compile(r"[()]|[^() \t]+")  # a no-break space is part of a word
_ESCAPES = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}"}


def nodes(tree: str, place: str) -> Iterator[tuple[str, list[str]]]:
    """All nodes of a tree, label and words, each behind those below it: the last is the sentence.

    Escapes of the Penn Treebank are undone.

    `(3 (2 It) (4 works))` gives `2 It`, `4 works` and `3 It works`.

    Args:
        tree: `(LABEL WORD)` or `(LABEL TREE ...)`.
        place: Where it stands, for messages: file:line.

    Raises:
        DataError: Brackets do not match, or a node has no label or nothing below it.
    """
    words: list[str] = []
    open_nodes: list[tuple[str, int]] = []  # label, and where the words of the node start
    parts = _PART.findall(tree)
    for at, part in enumerate(parts):
        before = parts[at - 1] if at else ""
        if part == "(":
            if not open_nodes and at:
                raise DataError(f"{place}: more than one tree")
            if before == "(":
                raise DataError(f"{place}: a node without a label")
        elif part == ")":
            if not open_nodes or before == "(" or open_nodes[-1][1] == len(words):
                raise DataError(f"{place}: ')' closes nothing, or a node without words")
            label, start = open_nodes.pop()
            yield label, words[start:]
        elif before == "(":
            open_nodes.append((part, len(words)))
        elif not open_nodes:
            raise DataError(f"{place}: {part!r} is outside of the tree")
        else:
            words.append(_ESCAPES.get(part, part.replace("\\/", "/").replace("\\*", "*")))
    if open_nodes or not parts or parts[-1] == "(":
        raise DataError(f"{place}: {len(open_nodes)} brackets are not closed")
