"""`rnnlab embed`: read the corpus, learn the vectors, write and evaluate them."""

import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rnnlab.commands.embed.corpus import Corpus
from rnnlab.commands.embed.evaluation import evaluate
from rnnlab.commands.embed.files import output_folder, write_vectors
from rnnlab.commands.embed.options import read_options
from rnnlab.commands.embed.unit_vectors import UnitVectors
from rnnlab.commands.embed.word2vec import gensim_word2vec, learn
from rnnlab.config.compose import slug
from rnnlab.config.trust import make
from rnnlab.data.datasets.word2vec_eval import Word2VecEval
from rnnlab.data.vector_file import VectorTable
from rnnlab.errors import DataError
from rnnlab.nn.vectors import FileVectors
from rnnlab.runs.metrics_json import collect, write_json
from rnnlab.runs.tables import as_text


def embed_words(words: list[str]) -> Path:
    """`rnnlab embed`: learn and evaluate vectors, or evaluate a file of them; the folder.

    Raises:
        ConfigError, DataError: A user error.
    """
    options = read_options(words)
    name = Path(options["vectors"] or options["corpus"]).name.removesuffix(".gz")
    tests = Word2VecEval(root=options["root"])
    facts: dict[str, Any] = {}
    with output_folder(options["output"], f"outputs/embed-{slug(Path(name).stem)}") as folder:
        if options["vectors"] is None:
            table = _learn(options, folder)
            try:
                tests.files()
            except DataError as error:
                print(f"tests    none: {error}")
                return folder
        else:
            file = FileVectors(path=options["vectors"], root=options["root"], embedding_dim=None)
            table = file.table
            tests.files()  # here a missing file is an error
            print(f"vectors  {file.file}: {len(table.words):,} of {table.vectors.shape[1]} numbers")
            facts["vectors"] = file.checksums()
        _evaluate(table, tests, options, folder, facts)
    return folder


def _learn(options: Mapping[str, Any], folder: Path) -> VectorTable:
    """Learn vectors, and write them."""
    gensim_word2vec()
    data = make(options["data"], options["trust"])
    corpus = Corpus.read(data, options["corpus"], options["min_count"])
    print(
        f"run      {folder}\n"
        f"corpus   {corpus.sentences:,} sentences, {corpus.tokens:,} words, "
        f"{corpus.types:,} distinct; {len(corpus.words):,} of them are learned",
        flush=True,
    )
    if corpus.unwritable:
        print(f"left out {corpus.unwritable:,} words that contain a blank")
    start = time.perf_counter()
    table = learn(corpus, options)
    seconds = time.perf_counter() - start
    record = collect(
        options,
        options={key: value for key, value in options.items() if key != "data"},
        corpus={
            "config": options["data"],
            "sentences": corpus.sentences,
            "tokens": corpus.tokens,
            "types": corpus.types,
            "words": len(corpus.words),
            "left_out_for_blanks": corpus.unwritable,
        },
        data=dict(data.checksums()),
        seconds=seconds,
    )
    record["versions"]["gensim"] = version("gensim")
    write_vectors(folder, table, corpus.counts, record, projector=options["projector"])
    print(f"vectors  {folder / 'vectors.txt'}, {seconds:.0f} s", flush=True)
    return table


def _evaluate(
    table: VectorTable,
    tests: Word2VecEval,
    options: Mapping[str, Any],
    folder: Path,
    facts: Mapping[str, Any],
) -> None:
    start = time.perf_counter()
    found = evaluate(UnitVectors.of(table, options["restrict"]), tests)
    seconds = time.perf_counter() - start
    print(as_text(found.rows()))
    sizes = {"words": len(table.words), "size": table.vectors.shape[1]}
    given = {**facts, **sizes, "restrict": options["restrict"], "tests": tests.checksums()}
    write_json(
        folder / "evaluation.json",
        collect(options, **given, **found.record(), seconds=seconds),
    )
    print(f"scores   {folder / 'evaluation.json'}, {seconds:.0f} s", flush=True)
