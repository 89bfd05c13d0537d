"""What word vectors are judged by: analogies, and the similarity of words by people's judgement."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rnnlab.data.reading import TextFile, lines, sha256
from rnnlab.data.source import DatasetInfo, DownloadedData, remote_files
from rnnlab.errors import DataError

_ANALOGIES = "word2vec_eval/questions-words.txt"
_WORDSIM = "word2vec_eval/wordsim353/combined.csv"
_SIMLEX = "word2vec_eval/SimLex-999.zip"
_MEMBER = "SimLex-999/SimLex-999.txt"


@dataclass(frozen=True)
class Section:
    """Analogies of one kind.

    Attributes:
        name: As in the file, such as "capital-common-countries".
        questions: Four words each: the first is to the second as the third is to the fourth.
    """

    name: str
    questions: tuple[tuple[str, ...], ...]

    @property
    def syntactic(self) -> bool:
        """Whether it is about grammar (its name starts with `gram`), and not about meaning."""
        return self.name.startswith("gram")


class Pair(NamedTuple):
    """Two words and how similar people find them, 0 to 10."""

    first: str
    second: str
    score: float


class Word2VecEval(DownloadedData):
    """Google's analogies (Mikolov et al. 2013), WordSim-353 and SimLex-999, all English.

    WordSim-353 (Finkelstein et al. 2002) is about relatedness as well: "coffee, cup" stands high;
    SimLex-999 (Hill et al. 2015) is about similarity alone. Words are as the files have them:
    some with capitals, one pair of WordSim-353 twice. Read from
    `word2vec_eval/{questions-words.txt,wordsim353/combined.csv}[.gz]` below the data root, and from
    `word2vec_eval/SimLex-999.zip` or its unpacked folder.
    """

    corpus = "word2vec_eval"
    about = DatasetInfo(
        title="Analogies, WordSim-353, SimLex-999: tests of word vectors, English",
        licence="analogies Apache-2.0; WordSim-353 CC BY 4.0 (unconfirmed); SimLex-999 none stated",
        files=(
            *remote_files(
                "word2vec_eval",
                "8c29b3332afc46f3fb8be04cb5297bf96f39aa7131272dff57869b4485b22a36 603955 "
                "questions-words.txt",
                "https://raw.githubusercontent.com/tmikolov/word2vec/20c129af10659f7c50e86e3be406df663beff438",
                "https://download.tensorflow.org/data",
            ),
            *remote_files(
                "word2vec_eval",
                "49ff6433ae68abe716fb66433fd870483e289a7a8c74531f59eca847d103fff3 7433 "
                "wordsim353/combined.csv",
                "https://raw.githubusercontent.com/fanglanting/skip-gram-pytorch/0a16cd6b03f56ebca1854c4b07368ea826625d0f",
            ),
            *remote_files(
                "word2vec_eval",
                "30f40eb18f41b08b65dfbc328f473e8b69ba444b1c9d053c1adde2324fc76315 16805 "
                "SimLex-999.zip",
                "https://fh295.github.io",
            ),
        ),
        counts={"analogies": 19_544, "wordsim353": 353, "simlex999": 999},
    )

    def files(self) -> list[Path]:
        """The three files; a missing one is a DataError."""
        return [
            self.find(_ANALOGIES, f"{_ANALOGIES}.gz"),
            self.find(_WORDSIM, f"{_WORDSIM}.gz"),
            self.find(_SIMLEX, f"word2vec_eval/{_MEMBER}"),
        ]

    def checksums(self) -> dict[str, str]:
        """sha256 of the files, by their paths below the data root."""
        return {self.shown(str(path)): sha256(path) for path in self.files()}

    def count(self, name: str) -> int:
        """Questions or pairs of one of "analogies", "wordsim353" and "simlex999"."""
        if name == "analogies":
            return sum(len(section.questions) for section in self.analogies())
        return len(self.similarities()[name])

    def analogies(self) -> list[Section]:
        """The sections in the order of the file.

        Raises:
            DataError: The file is missing, or a line is neither `: NAME` nor four words.
        """
        path = self.files()[0]
        found: dict[str, list[tuple[str, ...]]] = {}
        name = None
        for number, line in lines(path):
            words = tuple(line.split())
            if not words:
                continue
            if words[0] == ":" and len(words) == 2:
                name = words[1]
                found.setdefault(name, [])
            elif name is None:
                raise DataError(f"{path}:{number}: a question before the first ': SECTION'")
            elif len(words) != 4 or words[0] == ":":
                raise DataError(f"{path}:{number}: neither ': SECTION' nor four words")
            else:
                found[name].append(words)
        if not any(found.values()):
            raise DataError(f"{path}: no questions")
        return [Section(name, tuple(questions)) for name, questions in found.items()]

    def similarities(self) -> dict[str, list[Pair]]:
        """Pairs of "wordsim353" and of "simlex999".

        Raises:
            DataError: A file is missing, or a line does not have two words and a score.
        """
        _, wordsim, simlex = self.files()
        packed = simlex.suffix == ".zip"
        return {
            "wordsim353": _pairs(TextFile(wordsim), ",", "Human (mean)"),
            "simlex999": _pairs(TextFile(simlex, _MEMBER if packed else None), "\t", "SimLex999"),
        }


def _pairs(file: TextFile, delimiter: str, column: str) -> list[Pair]:
    """The first two columns and the one named `column` of a table with a head."""
    rows = csv.reader((line for _, line in lines(*file)), delimiter=delimiter)
    head = next(rows, [])
    if column not in head[2:]:
        raise DataError(f"{file}:1: no column '{column}' behind two words")
    where = head.index(column)
    pairs = []
    for row in rows:
        if any(map(str.strip, row)):
            try:
                pairs.append(Pair(row[0].strip(), row[1].strip(), float(row[where])))
            except (IndexError, ValueError):
                raise DataError(f"{file}:{rows.line_num}: not two words and a score") from None
    return pairs
