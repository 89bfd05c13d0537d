"""Training that draws each class equally often, however rare it is."""

from dataclasses import replace

import numpy as np

from rnnlab.data.base import SequenceData
from rnnlab.data.examples import BatchLoader
from rnnlab.data.loader import Loader
from rnnlab.data.spec import Kind, Split
from rnnlab.errors import ConfigError


class BalancedData(SequenceData):
    """Data that can have one label a sequence.

    Args:
        balanced_sampling: Draw each class equally often in training: rare examples several times,
            of a frequent class others in each epoch. An epoch stays as long. Needs labels.
    """

    balanced_sampling: bool = False

    def use_kind(self, kind: Kind) -> None:
        """See the base class.

        Raises:
            ConfigError: Classes are to be balanced, and these targets are none.
        """
        super().use_kind(kind)
        if self.balanced_sampling and kind != "label":
            raise ConfigError(
                f"data.balanced_sampling: true needs one label a sequence, this task has {kind}; "
                "say false"
            )

    def remarks(self) -> list[str]:
        """See the base class; that classes are balanced."""
        found = super().remarks()
        if self.balanced_sampling:
            classes = len(np.unique(self.examples("train").target_ids()))
            found.append(f"training draws each of {classes} classes equally often")
        return found

    def _loader(self, split: Split) -> Loader:
        loader = super()._loader(split)
        if split == "train" and self.balanced_sampling:
            assert isinstance(loader, BatchLoader)  # labels are of examples
            return replace(loader, balanced=True)
        return loader
