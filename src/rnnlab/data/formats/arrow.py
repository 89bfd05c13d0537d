"""Parquet files, and data sets that Hugging Face's `datasets` saved to disk."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rnnlab.data.formats.delimited import missing
from rnnlab.data.reading import broken_files
from rnnlab.errors import ConfigError, DataError


def read_parquet(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[Any]]]:
    """The wanted values of each row, and its number, from 1.

    Numbers that Hugging Face's `ClassLabel` gives names to become these names.

    Raises:
        DataError: No parquet file, or a column is missing.
        ConfigError: The package pyarrow is missing.
    """
    arrow = pyarrow("parquet")
    with broken_files(path):
        try:
            with arrow.parquet.ParquetFile(path) as file:
                names = _names(file.schema_arrow, str(path), columns)
                yield from _rows(file.iter_batches(columns=[*dict.fromkeys(columns)]), names)
        except arrow.ArrowException as error:
            raise DataError(f"{path}: no parquet file ({_first(error)})") from None


def read_saved(folder: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[Any]]]:
    """The same of a folder that `Dataset.save_to_disk` has written."""
    arrow = pyarrow("ipc")
    with broken_files(folder):
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        count = 0
        for entry in state["_data_files"]:
            path = folder / entry["filename"]
            try:
                with path.open("rb") as raw, arrow.ipc.open_stream(raw) as stream:
                    names = _names(stream.schema, str(folder), columns)
                    for _, values in _rows(stream, names):
                        count += 1
                        yield count, values
            except arrow.ArrowException as error:
                raise DataError(f"{path}: damaged ({_first(error)})") from None


def pyarrow(part: str) -> Any:
    """The package, with one of its modules.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import importlib

        importlib.import_module(f"pyarrow.{part}")
        return importlib.import_module("pyarrow")
    except ImportError:
        raise ConfigError(
            "parquet files and saved data sets need the extra 'datasets': "
            "pip install 'rnnlab[datasets]'"
        ) from None


Names = list[tuple[str, list[str] | None]]
"""Columns, each with the names of its classes where it has some."""


def _names(schema: Any, place: str, columns: Sequence[str]) -> Names:
    features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    features = features.get("info", {}).get("features", {})
    for column in columns:
        if column not in schema.names:
            raise missing(place, column, schema.names)
    return [(column, _classes(features.get(column))) for column in columns]


def _classes(feature: Any) -> list[str] | None:
    """Names of a `ClassLabel`, or of a list of them."""
    if isinstance(feature, list):
        feature = feature[0]
    while isinstance(feature, dict) and isinstance(feature.get("feature"), dict):
        feature = feature["feature"]
    found = feature.get("names") if isinstance(feature, dict) else None
    return found if isinstance(found, list) else None


def _rows(batches: Any, names: Names) -> Iterator[tuple[int, list[Any]]]:
    number = 0
    for batch in batches:
        columns = [
            [_named(value, classes) for value in batch.column(name).to_pylist()]
            for name, classes in names
        ]
        for values in zip(*columns, strict=True):
            number += 1
            yield number, [*values]


def _named(value: Any, classes: list[str] | None) -> Any:
    if classes is None or value is None:
        return value
    if isinstance(value, list):
        return [_named(item, classes) for item in value]
    return classes[value] if 0 <= value < len(classes) else None


def _first(error: Exception) -> str:
    return str(error).partition("\n")[0][:100]
