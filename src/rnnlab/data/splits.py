"""What is held out, and how much, where a data set does not say."""

from rnnlab.config.types import Probability, Seed
from rnnlab.data.base import Configurable
from rnnlab.errors import ConfigError


class RandomSplit(Configurable):
    """Data that has not all of its splits.

    Args:
        split_seed: Decides what is held out; apart from `seed`, so that all seeds have one split.
    """

    split_seed: Seed = 0


class ValidationSplit(RandomSplit):
    """Data without validation examples.

    Args:
        val_fraction: Share of the training examples that is held out for validation.
    """

    val_fraction: Probability = 0.1


class ThreeSplits(ValidationSplit):
    """Data that is not split at all.

    Args:
        test_fraction: Share that is held out for the test.

    Raises:
        ConfigError: Nothing is left to train on.
    """

    test_fraction: Probability = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.val_fraction + self.test_fraction >= 1:
            raise ConfigError(
                f"data.test_fraction: {self.test_fraction} and data.val_fraction="
                f"{self.val_fraction} leave nothing to train on"
            )
