"""What had another name in earlier versions: options, classes, weights."""

OPTIONS: dict[str, str] = {
    "checkpoint.share": "checkpoint.max_overhead",
    "data.bpe_size": "data.vocab_size",
    "data.joint": "data.share_vocab",
    "data.max_size": "data.max_vocab_size",
}
"""Old key -> new key of an option, such as `task.beam` -> `task.num_beams`."""

CLASSES: dict[str, str] = {}
"""Old dotted name -> new dotted name of a class that a stored configuration names."""

WEIGHTS: dict[str, str] = {}
"""Part of a key of a state_dict between dots, old -> new, such as `ahead` -> `forward`."""
