"""Plain texts of the user's own, for language models."""

from rnnlab.data.source import UserFiles
from rnnlab.data.stream_data import StreamData


class TextFiles(UserFiles, StreamData):
    """One text a split, UTF-8, plain or `.gz`."""

    corpus = "text_files"
