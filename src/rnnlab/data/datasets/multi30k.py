"""Multi30k, task 1: translation of image captions."""

from typing import Literal

from rnnlab.data.reading import TextFile
from rnnlab.data.source import DatasetInfo, DownloadedData, remote_files
from rnnlab.data.spec import Split
from rnnlab.data.translation_data import ParallelData
from rnnlab.errors import ConfigError

Language = Literal["de", "en", "fr", "cs"]

_RAW = "multi30k/task1/raw"
_URL = "https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw"
_FILES = """
726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6 637044 train.de.gz
d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f 568929 train.en.gz
622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c 604242 train.fr.gz
f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a 24681 val.de.gz
14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28 21650 val.en.gz
ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9 23001 val.fr.gz
9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8 22890 test_2016_flickr.de.gz
611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9 21077 test_2016_flickr.en.gz
6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90 22310 test_2016_flickr.fr.gz
"""
_TAR_BALLS = {
    "train": ("training.tar.gz", "train"),
    "val": ("validation.tar.gz", "val"),
    "test_2016_flickr": ("mmt16_task1_test.tar.gz", "test"),
}


class Multi30k(DownloadedData, ParallelData):
    """29,000 captions with translations, de, en, fr and cs (Elliott et al. 2016).

    Read from `multi30k/task1/raw/{train,val,TEST}.LANGUAGE[.gz]` below the data root, else from
    the tar balls `multi30k/{training,validation,mmt16_task1_test}.tar.gz`. The two differ in 61
    lines of the German validation text: `checksums` says which was read.

    Args:
        source: Language to translate from.
        target: Language to translate into.
        test: The test set.

    Raises:
        ConfigError: Both languages are the same, or the test set does not have one of them.
    """

    corpus = "multi30k"
    about = DatasetInfo(
        title="Multi30k task 1: translation of captions, de/en/fr/cs",
        licence="unclear; treat as non-commercial (often given as CC BY-NC-SA 4.0)",
        files=remote_files(_RAW, _FILES, _URL),
        counts={"train": 29_000, "val": 1_014, "test": 1_000},
    )

    source: Language = "de"
    target: Language = "en"
    test: Literal[
        "test_2016_flickr", "test_2017_flickr", "test_2017_mscoco", "test_2018_flickr"
    ] = "test_2016_flickr"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source == self.target:
            raise ConfigError(f"data.target: {self.target!r} is the source as well")
        if self.test.startswith("test_2017") and "cs" in (self.source, self.target):
            raise ConfigError(
                f"data.test: {self.test} has no cs; test_2016_flickr, test_2018_flickr do"
            )

    def sides(self, split: Split) -> tuple[TextFile, TextFile]:
        """The two languages of a split."""
        name = self.test if split == "test" else split
        return self._side(name, self.source), self._side(name, self.target)

    def _side(self, name: str, language: str) -> TextFile:
        places = [f"{_RAW}/{name}.{language}", f"{_RAW}/{name}.{language}.gz"]
        if name not in _TAR_BALLS:
            return TextFile(self.find(*places))
        ball, stem = _TAR_BALLS[name]
        path = self.find(*places, f"{self.corpus}/{ball}")
        return TextFile(path, f"{stem}.{language}" if path.name == ball else None)
