"""Tagged sentences from the user's own column files."""

from rnnlab.config.types import PositiveInt
from rnnlab.data.column_data import ColumnData
from rnnlab.data.source import UserFiles


class CoNLLFiles(UserFiles, ColumnData):
    """One token and its tags a line, a blank line between sentences; plain or `.gz`.

    Columns are parted by tabs or blanks. Any set of tags will do; those that look like IOB1
    or BIOES become what `scheme` says.
    """

    corpus = "conll_files"

    batch_size: PositiveInt | None = None
