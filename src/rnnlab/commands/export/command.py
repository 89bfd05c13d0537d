"""`rnnlab export`: write a trained model as a folder that answers by itself."""

from pathlib import Path

from rnnlab.config.command_line import CommandLine
from rnnlab.config.plain_options import read_options
from rnnlab.config.roots import ExportConfig
from rnnlab.errors import ConfigError


def export_words(words: list[str]) -> None:
    """`rnnlab export`: write the folder and say what is in it.

    Raises:
        RnnlabError: A user error.
    """
    cfg = read_options(ExportConfig, CommandLine.without_flags(words).overrides)
    folder = Path(cfg["output"]).expanduser()
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"output: {folder} is no folder")
    if folder.is_dir() and any(folder.iterdir()) and not cfg["overwrite"]:
        raise ConfigError(f"output: {folder} is not empty; name another one, or overwrite=true")
    from rnnlab.commands.export.folder import write_folder  # it imports torch

    for line in write_folder(
        folder, cfg["checkpoint"], cfg["format"], cfg["trust"], cfg["embedding"]["path"]
    ):
        print(line)
