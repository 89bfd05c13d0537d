"""Tables of strangers: what pandas, Excel, JSON and Hugging Face write, and what goes wrong."""

import csv
import gzip
import json

import datasets
import numpy as np
import pandas
import pytest

from rnnlab.data.datasets.table_files import TableFiles
from rnnlab.data.datasets.tagged_table_files import TaggedTableFiles
from rnnlab.errors import ConfigError, DataError

FRAME = pandas.DataFrame(
    {
        "review": ['He said "no", twice.', "two\nlines; here", "naïve — 5 €", "tab\tinside", "x"],
        "stars": ["very good", "bad", "bad", "very good", "bad"],
        "n": [1.5, 2.0, -3.25, 4.0, 0.0],
    }
)


def rows(path, **options):
    data = TableFiles(train=str(path), **{"text": "review", "label": "stars"} | options)
    return [(example.source, *example.target) for example in data.read("train")]


EXPECTED = [*zip(FRAME.review, FRAME.stars, strict=True)]


def excel(path, encoding="utf-8-sig", delimiter=";", first=""):
    with path.open("w", encoding=encoding, newline="") as stream:
        stream.write(first)
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\r\n")
        writer.writerows([FRAME.columns, *FRAME.values.tolist(), ["", "", ""]])


WRITERS = {
    "pandas.csv": lambda path: FRAME.to_csv(path, index=False),
    "index.csv": lambda path: FRAME.to_csv(path),
    "pandas.tsv": lambda path: FRAME.to_csv(path, sep="\t"),
    "zipped.csv.gz": lambda path: path.write_bytes(gzip.compress(FRAME.to_csv().encode())),
    "excel.csv": excel,
    "sep.csv": lambda path: excel(path, first="sep=;\r\n"),
    "comma.csv": lambda path: excel(path, delimiter=","),
    "unicode.txt": lambda path: excel(path, "utf-16", "\t"),
    "western.csv": lambda path: excel(path, "cp1252"),
    "a.jsonl": lambda path: FRAME.to_json(path, orient="records", lines=True),
    "a.json": lambda path: FRAME.to_json(path, orient="records"),
    "a.parquet": lambda path: FRAME.to_parquet(path),
    "saved": lambda path: datasets.Dataset.from_pandas(FRAME).save_to_disk(path),
    "folder": lambda path: (path.mkdir(), FRAME.to_parquet(path / "b.parquet")),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_other_programs_write_is_read_as_they_have_it(tmp_path, name, capsys):
    path = tmp_path / name
    WRITERS[name](path)
    capsys.readouterr()
    options = {"encoding": "cp1252"} if name == "western.csv" else {}
    assert rows(path, **options) == EXPECTED


def test_names_of_classes_of_hugging_face_are_labels_and_tags(tmp_path):
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["neg", "pos"]),
            "tokens": datasets.Sequence(datasets.Value("string")),
            "tags": datasets.Sequence(datasets.ClassLabel(names=["O", "B-PER", "I-PER"])),
        }
    )
    content = {
        "text": ["a", "b"], "label": [1, 0],
        "tokens": [["Ann", "Lee", "ran"], ["so"]], "tags": [[1, 2, 0], [0]],
    }  # fmt: skip
    made = datasets.Dataset.from_dict(content, features=features)
    both = datasets.DatasetDict({"train": made, "test": made})
    both.save_to_disk(tmp_path / "saved")
    made.to_parquet(tmp_path / "a.parquet")
    for path in (tmp_path / "saved" / "train", tmp_path / "a.parquet"):
        assert rows(path, text="text", label="label") == [("a", "pos"), ("b", "neg")]
        found = [*TaggedTableFiles(train=str(path)).read("train")]
        assert [example.target for example in found] == [["B-PER", "I-PER", "O"], ["O"]]
        assert found[0].source == ["Ann", "Lee", "ran"]
    with pytest.raises(DataError, match=r"saved: a data set with test, train; name one"):
        rows(tmp_path / "saved")


def test_texts_by_label_in_folders(tmp_path):
    for label, text in (("pos", "good\nfilm"), ("neg", "bad"), ("neg", "awful")):
        (tmp_path / label).mkdir(exist_ok=True)
        (tmp_path / label / f"{text[:3]}.txt").write_text(text)
    found = rows(tmp_path, text="text", label="label")
    assert found == [("awful", "neg"), ("bad", "neg"), ("good\nfilm", "pos")]


def test_tagged_json_lines_are_scored_in_the_scheme(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = [{"words": ["a", "b"], "ner": ["I-X", "I-X"]}, {"words": [], "ner": []}]
    path.write_text("\n".join(map(json.dumps, lines)))
    data = TaggedTableFiles(train=str(path), tokens="words", tags="ner", scheme="bioes")
    assert [example.target for example in data.read("train")] == [["B-X", "E-X"]]
    path.write_text('{"words": ["a"], "ner": ["O", "O"]}')
    with pytest.raises(DataError, match=r"a\.jsonl:1: 1 tokens and 2 tags"):
        list(data.read("train"))


def test_numbers_are_learnt_as_numbers(tmp_path):
    path = tmp_path / "a.csv"
    FRAME.to_csv(path)
    data = TableFiles(train=str(path), text="review", label="n")
    data.use_kind("values")
    assert data.spec().target == 1
    target = data.examples("train").target
    assert np.array_equal(target[:, 0], FRAME.n.to_numpy(np.float32))
    assert data.target_prior() == pytest.approx([FRAME.n.mean()])
    again = TableFiles(test=str(path), text="review", label="stars")
    again.reuse(data.spec())
    with pytest.raises(DataError, match=r"a\.csv:2: 'very good' is no number \(column 'stars'\)"):
        again.examples("test")


MANY = "".join(f"text {n},{n}.5\n" for n in range(50))

MISTAKES = [
    ("a.csv", "good film,5\nbad,1\n", {}, ":1: no column 'text'; the columns are 'good film', '5'"),
    ("a.csv", "txt,label\na,b\n", {}, ":1: no column 'text'; the columns are 'txt', 'label'; did"),
    ("a.csv", "", {}, ":1: no column 'text'; the columns are nothing"),
    ("a.csv", "text,label\na,b\nc\n", {}, ":3: 1 cells, the header has 2 (parted by ','"),
    ("a.csv", "text,label\n\n\na, \n", {}, ":4: the label is empty (column 'label')"),
    ("a.csv", "text;label\na;b\n", {"delimiter": ","}, ":1: no column 'text'; the columns are 'te"),
    ("a.csv", 'text,label\n"a,b\nc,d\n', {}, ":2: a quoted field that begins in this row is nev"),
    ("a.csv", 'text,label\n\n"a"b,c\n', {}, ":3: text behind a closing quote"),
    ("a.csv", "text,label,text\na,b,c\n", {}, ":1: 2 columns are named 'text'"),
    ("a.csv", "text,label\na\0,b\n", {}, ":2: a NUL character"),
    ("a.csv", b"text,label\nna\xefve,b\n", {}, ":2: not UTF-8 (byte 0xef at column 3); a file of"),
    ("a.csv", b"\xff\xfet", {}, ":1: not utf-16"),
    ("a.csv", "text,label\na,x\nb,x\n", {}, ": only one label, 'x', in 2 rows"),
    ("a.csv", f"text,label\n{MANY}", {}, "such as 0.5, 1.5, 10.5 and 47 more; numbers are"),
    ("a.csv", f"label,text\n{MANY}", {}, "text 1, text 10 and 47 more; are data.text and d"),
    ("a.csv", "text,label\n", {}, ": the train split is empty"),
    ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "a"}\n', {}, ":2: no column 'label'; the col"),
    ("a.jsonl", '{"text": "a", "label": 1}\n\nno\n', {}, ":3: not JSON"),
    ("a.jsonl", '{"text": ["a"], "label": 1}\n', {}, ":1: column 'text' has a list"),
    ("a.jsonl", '{"text": "a", "label": null}\n', {}, ":1: the label is empty"),
    ("a.json", '[["a", "b"]]', {}, ":1: list, where an object {...} is needed"),
    ("a.json", "[" * 100_000, {}, ": JSON nested too deeply"),
    ("a.parquet", "text", {}, ": no parquet file"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "options", "complaint"), MISTAKES)
def test_mistakes_are_one_line_with_a_place(tmp_path, name, content, options, complaint):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as error:
        TableFiles(train=str(path), **options).spec()
    assert complaint in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_quotes_that_are_part_of_the_text(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('text\tlabel\n"a" b\tx\n"\ty\n')
    assert rows(path, text="text", label="label", quotes=False) == [('"a" b', "x"), ('"', "y")]


def test_a_huge_cell_is_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"text,label\n{'word ' * 60_000},x\nb,y\n")
    assert TableFiles(train=str(path)).examples("train").lengths.tolist() == [400, 1]


@pytest.mark.parametrize("options", [{"encoding": "klingon"}, {"delimiter": "::"}])
def test_wrong_options_name_their_key(options):
    with pytest.raises(ConfigError, match=rf"^data\.{next(iter(options))}: "):
        TableFiles(**options)
