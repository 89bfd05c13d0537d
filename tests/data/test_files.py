import gzip

import pytest

from rnnlab.data.datasets.conll_files import CoNLLFiles
from rnnlab.data.datasets.parallel_files import ParallelFiles
from rnnlab.data.datasets.sentiment_files import SentimentFiles, SentimentFilesOfLabel
from rnnlab.data.formats.conll_columns import read_columns
from rnnlab.data.formats.labelled import recognise
from rnnlab.data.spec import Spec
from rnnlab.errors import ConfigError, DataError


def write(tmp_path, name, content):
    path = tmp_path / name
    data = content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def columns(path, **options):
    return [
        (list(example.source), list(example.target), example.line)
        for example in read_columns(
            path, **{"tag_column": -1, "iob_only": False, "scheme": "iob2"} | options
        )
    ]


# --- sentiment_files


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("no label", "needs one tab, not 0"),
        ("a\tb\tpos", "needs one tab, not 2"),
        ("text\t", "the label is empty"),
        ("text\t \r", "the label is empty"),
    ],
)
def test_wrong_columns_name_the_line(tmp_path, line, complaint):
    path = write(tmp_path, "a.tsv", f"fine\tpos\n\n{line}\n")
    with pytest.raises(DataError) as error:
        SentimentFiles(train=str(path)).spec()
    assert str(error.value).startswith(f"{path}:3: ")
    assert complaint in str(error.value)


def test_texts_are_cut_at_line_feeds_alone(tmp_path):
    path = write(tmp_path, "a.tsv.gz", "one\x85two\x0cthree\tpos\r\nfour\tneg")
    examples = SentimentFiles(train=str(path)).examples("train")
    assert examples.lengths.tolist() == [3, 1]
    assert examples.target.tolist() == [1, 0]


def test_a_missing_file_is_named():
    with pytest.raises(DataError, match=r"^nowhere\.tsv: no such file$"):
        SentimentFiles(train="nowhere.tsv").spec()


# --- columns


def test_sentences_are_parted_by_blank_lines_and_document_rows(tmp_path):
    path = write(
        tmp_path,
        "a.conll",
        "-DOCSTART- O\n\nEU X I-ORG\nsays Y O\n \t\n\n-DOCSTART- -X- O\nNo Z O\n"
        "-DOCSTART- -X- O\nlast L I-LOC",
    )
    assert columns(path) == [
        (["EU", "says"], ["B-ORG", "O"], 3),
        (["No"], ["O"], 8),
        (["last"], ["B-LOC"], 10),
    ]
    assert columns(path, tag_column=1)[0][1] == ["X", "Y"]
    assert columns(path, tag_column=-2)[0][1] == ["X", "Y"]


def test_tabs_part_columns_where_the_first_row_has_one(tmp_path):
    path = write(tmp_path, "a.tsv", "New York\tB-LOC\nis\u00a0big\tO\n")
    assert columns(path) == [(["New York", "is\u00a0big"], ["B-LOC", "O"], 1)]
    blanks = write(tmp_path, "b.txt", "a\u00a0b   O \nc\x85 \t I-X\r\n")
    assert columns(blanks) == [(["a\u00a0b", "c\x85"], ["O", "B-X"], 1)]


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [("iob2", "B-A I-A I-A B-A O B-B"), ("bioes", "B-A I-A E-A S-A O S-B")],
)
@pytest.mark.parametrize(
    "given",
    ["I-A I-A I-A B-A O I-B", "B-A I-A I-A B-A O B-B", "B-A I-A E-A S-A O S-B"],
    ids=["iob1", "iob2", "bioes"],
)
def test_entities_come_in_the_scheme_asked_for(tmp_path, given, scheme, expected):
    rows = "".join(f"w {tag}\n" for tag in given.split())
    path = write(tmp_path, "a.conll", rows)
    assert columns(path, scheme=scheme)[0][1] == expected.split()
    data = CoNLLFiles(train=str(path), scheme=scheme)
    parts = "BI" if scheme == "iob2" else "BEIS"
    wanted = sorted(["O", *(f"{part}-{kind}" for kind in "AB" for part in parts)])
    assert list(data.spec().target.tokens) == wanted


def test_a_trained_model_decides_about_the_scheme(tmp_path):
    path = write(tmp_path, "a.conll", "a B-X\nb I-X\nc B-X\n")
    learnt = CoNLLFiles(train=str(path), scheme="bioes").spec()
    data = CoNLLFiles(test=str(path))
    data.reuse(learnt)
    found = [learnt.target.tokens[at] for at in data.examples("test").target[0]]
    assert found == ["B-X", "E-X", "S-X"]
    back = CoNLLFiles(test=str(path), scheme="bioes")
    back.reuse(CoNLLFiles(train=str(path)).spec())
    assert back.examples("test").target.values.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("content", "options", "line", "complaint"),
    [
        ("a O\nb\n", {}, 2, "1 columns, where the first row has 2"),
        ("a X O\n\nb O\n", {}, 3, "2 columns, where the first row has 3"),
        ("a\tO\nb c O\n", {}, 2, "1 columns, where the first row has 2"),
        ("a\tO\n\tO\n", {}, 2, "an empty column"),
        ("a\tO\nb\t\n", {}, 2, "an empty column"),
        ("alone\n", {}, 1, "one column"),
        ("a b O\n", {"tag_column": 3}, 1, "3 columns, no data.tag_column=3"),
        ("a b O\n", {"tag_column": -4}, 1, "3 columns, no data.tag_column=-4"),
        ("a O\nb PER\n", {"iob_only": True}, 2, "tag 'PER' is not O, B-TYPE or I-TYPE"),
        ("a O\nb I-\n", {"iob_only": True}, 2, "tag 'I-' is not"),
        ("a O\nb S-PER\n", {"iob_only": True}, 2, "tag 'S-PER' is not"),
        ("a O\nb NN\n", {"scheme": "bioes"}, 2, "tag 'NN' is no entity's; data.scheme=iob2"),
        ("a S-X\nb I-X\n", {}, 2, "tag 'I-X' continues no entity (BIOES)"),
        ("a S-X\nb E-X\n", {}, 2, "tag 'E-X' continues no entity"),
        ("a B-X\nb E-Y\n", {}, 1, "tag 'B-X' needs 'I-X' or 'E-X' after it"),
        ("a E-X\nb O\n", {}, 1, "tag 'E-X' continues no entity"),
        ("a S-X\n\nb B-X\nc O\n", {}, 3, "tag 'B-X' needs 'I-X' or 'E-X' after it"),
        ("\na S-X\nb B-X\nc I-X\n\nd O\n", {}, 4, "tag 'I-X' needs 'I-X' or 'E-X' after"),
    ],
)
def test_wrong_rows_name_the_line(tmp_path, content, options, line, complaint):
    path = write(tmp_path, "a.conll", content)
    with pytest.raises(DataError) as error:
        columns(path, **options)
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert complaint in str(error.value)


def test_tags_are_as_long_as_their_sentences(tmp_path):
    path = write(tmp_path, "a.conll", "EU NNP I-ORG\nsays V O\n\nNo UH O\n")
    data = CoNLLFiles(train=str(path), batch_size=2)
    batch = next(iter(data.train_dataloader()))
    assert batch.target.shape == batch.inputs.shape
    assert data.spec().target.tokens == ("B-ORG", "I-ORG", "O")
    parts = CoNLLFiles(train=str(path), tag_column=1)
    assert parts.spec().target.tokens == ("NNP", "UH", "V")  # not the other column's cache
    assert parts.spec().source_tokenizer.split(" EU says ") == ["EU", "says"]


NUMBERED = """\
# text = Du vas
# global.columns = ID FORM TAG OTHER
1-2\tDu\t_\t_
1\tDe\tX\tO
2\tle\tY\tO
2.1\tghost\tZ\tO
# a comment between words
3\tvas\tZ\tB-A

# text = 7
1\t7\tX\tO
"""
WORDS = [(["De", "le", "vas"], 4), (["7"], 11)]


def test_words_that_are_numbered_stand_in_the_second_column(tmp_path):
    path = write(tmp_path, "a.conllu", NUMBERED)
    found = columns(path, tag_column=2)
    assert [(words, line) for words, _, line in found] == WORDS
    assert [tags for _, tags, _ in found] == [["X", "Y", "Z"], ["X"]]
    blanks = write(tmp_path, "b.txt", NUMBERED.replace("\t", " "))
    assert columns(blanks, tag_column=2) == found
    assert columns(path, tag_column=1, token_column=3)[0][:2] == (["O", "O", "B-A"], WORDS[0][0])
    data = CoNLLFiles(train=str(path), tag_column=2)
    assert data.spec().source.tokens[2:] == ("7", "De", "le", "vas")


def test_the_columns_are_told_and_a_column_of_words_is_no_tags(tmp_path):
    path = str(write(tmp_path, "a.conllu", NUMBERED))
    data = CoNLLFiles(train=path, val=path, test=path, tag_column=2, batch_size=2)
    said = "words in column 1, tags in column 2 of 0 to 3; column 0 numbers them"
    assert data.remarks() == ["3 tags: X 2, Y 1, Z 1", said]
    lemmas = "".join(f"word{i} lemma{i} N\n" for i in range(30))
    path = str(write(tmp_path, "b.txt", lemmas))
    with pytest.raises(
        DataError, match=r"b\.txt: 30 different tags of 30 different words, such as"
    ):
        CoNLLFiles(train=path, tag_column=1).spec()
    data = CoNLLFiles(train=path, val=path, test=path, batch_size=2)
    assert data.remarks()[-1] == "words in column 0, tags in column 2 of 0 to 2"


def test_numbers_may_be_words(tmp_path):
    two = write(tmp_path, "two.txt", "1 odd\n2 even\n")
    assert columns(two)[0][:2] == (["1", "2"], ["odd", "even"])
    some = write(tmp_path, "some.txt", "1 CD O\n. . O\n")
    assert columns(some)[0][0] == ["1", "."]
    digits = write(tmp_path, "digits.txt", "7 CD O\n2 CD O\n")
    with pytest.raises(DataError, match=r"digits.txt:1: number 7, where 1 comes next"):
        columns(digits)
    assert columns(digits, token_column=0)[0][0] == ["7", "2"]
    assert columns(digits, token_column=1)[0][0] == ["CD", "CD"]


def test_a_sharp_is_a_comment_where_it_cannot_be_a_word(tmp_path):
    path = write(tmp_path, "a.txt", "# sent_id = 1\n#tag X\n# X\nb Y\n\n# c d\nc Y\n")
    assert columns(path) == [(["#tag", "#", "b"], ["X", "X", "Y"], 2), (["c"], ["Y"], 7)]
    inside = write(tmp_path, "b.txt", "a X\n# not here\n")
    with pytest.raises(DataError, match=r"b.txt:2: 3 columns, where the first row has 2"):
        columns(inside)


def test_an_unseen_tag_is_named_with_its_sentence(tmp_path):
    train = write(tmp_path, "train.conll", "EU B-ORG\nsays O\n")
    val = write(tmp_path, "val.conll", "a O\n\nb O\nParis B-LOC\n")
    data = CoNLLFiles(train=str(train), val=str(val))
    with pytest.raises(DataError) as error:
        data.examples("val")
    known = "the training data has B-ORG, I-ORG, O"
    assert str(error.value) == f"{val}:3: unseen tag at token 2, 'B-LOC'; {known}"


def test_max_length_cuts_words_and_tags_of_training_alike(tmp_path):
    path = str(write(tmp_path, "a.conll", "a O\nb O\nc B-X\n\nd O\n"))
    data = CoNLLFiles(train=path, val=path, max_length=2)
    examples = data.examples("train")
    assert examples.inputs.lengths.tolist() == examples.target.lengths.tolist() == [2, 1]
    examples = data.examples("val")
    assert (examples.inputs.lengths.tolist(), examples.target.lengths.tolist()) == ([2, 1], [3, 1])


# --- parallel_files


def parallel(tmp_path, source, target, **options):
    files = [
        str(write(tmp_path, "a.de", source)),
        str(write(tmp_path, "a.en.gz", target)),
    ]
    return ParallelFiles(train=files, val=files, test=files, **{"vocab_size": 280} | options)


@pytest.mark.parametrize("level", ["bpe", "word"])
@pytest.mark.parametrize("share_vocab", [False, True])
def test_pairs_are_read_line_by_line(tmp_path, level, share_vocab):
    source = " Ein\u00a0 Mann .\nZwei\u200b\tHunde\x85da .\n"
    target = "A man .\nTwo\x0c dogs there . \n"
    data = parallel(tmp_path, source, target, level=level, share_vocab=share_vocab, batch_size=2)
    spec, examples = data.spec(), data.examples("val")

    def text(vocab, tokenizer, ids):
        return tokenizer.join([vocab.tokens[at] for at in ids])

    for row, (left, right) in enumerate(
        [("Ein Mann .", "A man ."), ("Zwei Hunde da .", "Two dogs there .")]
    ):
        assert text(spec.source, spec.source_tokenizer, examples.inputs[row]) == left
        ids = examples.target[row]
        assert (ids[0], ids[-1]) == (spec.target.start_id, spec.target.end_id)
        assert text(spec.target, spec.target_tokenizer, ids[1:-1]) == right
    assert examples.texts == ["A man .", "Two dogs there ."]
    assert (spec.source == spec.target) == share_vocab
    loader = data.val_dataloader()
    batch = next(iter(loader))
    order = [len(one) for one in (examples.inputs[0], examples.inputs[1])]
    assert batch.lengths.tolist() == sorted(order)
    assert loader.reference_texts() == ["A man .", "Two dogs there ."]


def test_reference_texts_stay_as_they_are(tmp_path):
    data = parallel(tmp_path, "Ein Mann\n", "A  Man\n", level="word", lower=True)
    assert "man" in data.spec().target
    assert data.examples("test").texts == ["A Man"]


def test_texts_match_the_batches_of_the_loader(tmp_path):
    numbers = [f"{'w ' * (n % 5)}{n}" for n in range(23)]
    text = "\n".join(numbers)
    data = parallel(tmp_path, text, text, level="word", batch_size=4)
    loader = data.val_dataloader()
    tokens = data.spec().target.tokens
    seen = [
        " ".join(tokens[at] for at in line[1 : length - 1])
        for batch in loader
        for line, length in zip(batch.target.tolist(), batch.target_lengths, strict=True)
    ]
    assert loader.reference_texts() == seen
    assert sorted(seen) == sorted(numbers)


def test_unequal_numbers_of_lines_are_counted(tmp_path):
    data = parallel(tmp_path, "a\nb\nc\n", "a\nb\n")
    with pytest.raises(DataError, match=r"a\.de has 3 lines, .*a\.en\.gz has 2: "):
        data.spec()


@pytest.mark.parametrize("blank", ["\n", "\n\n", "\n \n"])
def test_blank_last_lines_are_no_sentences(tmp_path, blank):
    data = parallel(tmp_path, "a\nb\n" + blank, "a\nb", level="word")
    assert len(data.examples("train")) == 2


def test_a_blank_line_in_the_middle_keeps_the_lines_aligned(tmp_path):
    data = parallel(tmp_path, "a\n\nc\n", "x\ny\n\n", level="word")
    examples = data.examples("test")
    assert examples.inputs.lengths.tolist() == [1, 1, 1]
    assert examples.texts == ["x", "y", ""]
    assert examples.target.lengths.tolist() == [3, 3, 2]


def test_max_length_cuts_both_sides_of_training_and_still_ends_the_target(tmp_path):
    data = parallel(tmp_path, "a b c d\n", "x y z\n", level="word", max_length=2)
    spec, examples = data.spec(), data.examples("train")
    assert examples.inputs.lengths.tolist() == [2]
    assert [spec.target.tokens[at] for at in examples.target[0]] == ["<s>", "x", "y", "</s>"]
    assert examples.texts == ["x y z"]
    assert data.examples("test").inputs.lengths.tolist() == [2]
    assert data.examples("test").target.lengths.tolist() == [5]


def test_control_tokens_in_a_text_end_nothing(tmp_path):
    data = parallel(tmp_path, "a\nb\n", "x </s> y\n<s> <pad>\n", level="word")
    spec, examples = data.spec(), data.examples("train")
    for row in range(2):
        inner = examples.target[row][1:-1]
        assert not {0, spec.target.start_id, spec.target.end_id} & set(inner.tolist())


def test_reuse_needs_no_training_text(tmp_path):
    data = parallel(tmp_path, "ein Mann\nzwei Frauen\n", "a man\ntwo women\n")
    spec, expected = data.spec(), data.examples("test")
    other = ParallelFiles(test=data.test)
    other.reuse(spec)
    examples = other.examples("test")
    assert examples.inputs.values.tolist() == expected.inputs.values.tolist()
    assert examples.target.values.tolist() == expected.target.values.tolist()


def test_a_split_that_was_not_given_is_named():
    with pytest.raises(ConfigError, match=r"^data\.train: not given"):
        ParallelFiles(val=["a.de", "a.en"]).spec()


# --- labelled tables


def labelled(path, columns=None):
    table = recognise(path, columns)
    return str(table), [(e.source, *e.target, e.line) for e in table.read()]


BODY = [("fine film", "pos"), ("dull", "neg"), ('a "good" one', "pos")]
LINES = "".join(f"{text}\t{label}\n" for text, label in BODY)


def test_plain_rows_say_nothing(tmp_path):
    path = write(tmp_path, "a.tsv", LINES)
    assert labelled(path) == ("", [(*row, line) for line, row in enumerate(BODY, 1)])


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("Text\tLabel\n", "header row skipped (Text, Label)"),
        ("Beispiel\tsentiment\n", "header row skipped (Beispiel, sentiment)"),
        ("review\tOk?\n", "header row skipped (review, Ok?)"),
    ],
)
def test_a_header_is_skipped(tmp_path, head, said):
    path = write(tmp_path, "a.tsv", head + LINES)
    assert labelled(path) == (said, [(*row, line) for line, row in enumerate(BODY, 2)])


def test_a_first_row_whose_label_others_have_is_none(tmp_path):
    path = write(tmp_path, "a.tsv", f"text\tpos\nlabel\tneg\n{LINES}")
    assert labelled(path)[1][:2] == [("text", "pos", 1), ("label", "neg", 2)]
    few = write(tmp_path, "b.tsv", "awful\tworst\n" + LINES)
    assert labelled(few)[1][0] == ("awful", "worst", 1)


def test_a_label_of_the_first_row_alone_is_a_header_among_many(tmp_path):
    path = write(tmp_path, "a.tsv", "Satz\tArt\n" + LINES * 5)
    said, rows = labelled(path)
    assert (said, len(rows)) == ("header row skipped (Satz, Art)", 15)
    spoken = write(tmp_path, "b.tsv", "a whole text\todd\n" + LINES * 5)
    assert labelled(spoken)[1][0] == ("a whole text", "odd", 1)


def test_columns_are_those_that_the_header_names(tmp_path):
    path = write(tmp_path, "a.tsv.gz", "id\tlabel\tsentence\n7\tpos\tfine\n8\tneg\tdull\n")
    said = "header row skipped (id, label, sentence); text in column 2, label in column 1, from 0"
    assert labelled(path) == (said, [("fine", "pos", 2), ("dull", "neg", 3)])
    assert labelled(path, (0, 1))[1] == [("7", "pos", 2), ("8", "neg", 3)]
    with pytest.raises(DataError, match=r"needs one tab, not 2; data\.columns="):
        labelled(write(tmp_path, "b.tsv", "7\tpos\tfine\n"))
    wrong = write(tmp_path, "c.tsv", "text\tlabel\tid\na\tb\t3\na\tb\n")
    with pytest.raises(DataError, match=r"c\.tsv:3: 2 columns, not 3"):
        labelled(wrong)


def test_quotes_are_removed_where_the_whole_file_has_them(tmp_path):
    every = write(tmp_path, "a.tsv", '"fine, film"\t"pos"\n"dull"\t"neg"\n')
    said = "quotes around fields removed"
    assert labelled(every) == (said, [("fine, film", "pos", 1), ("dull", "neg", 2)])
    needed = write(tmp_path, "b.tsv", 'fine\tpos\n"a ""dull"" one"\tneg\n')
    assert labelled(needed) == (said, [("fine", "pos", 1), ('a "dull" one', "neg", 2)])
    text = write(tmp_path, "c.tsv", '"Jaws"\tpos\n"Jaws" is dull\tneg\nfine\tpos\n')
    assert labelled(text)[1][:2] == [('"Jaws"', "pos", 1), ('"Jaws" is dull', "neg", 2)]
    title = write(tmp_path, "d.tsv", '"Jaws"\tpos\ndull\tneg\n')
    assert labelled(title)[1][0] == ('"Jaws"', "pos", 1)


def test_csv(tmp_path):
    path = write(tmp_path, "a.csv", 'text,label\n"one,\ntwo",pos\n\n"say ""no""",neg\n')
    said = "commas part columns; header row skipped (text, label)"
    assert labelled(path) == (said, [("one,\ntwo", "pos", 2), ('say "no"', "neg", 5)])
    other = write(tmp_path, "b.csv", '"one, two";pos\nthree;neg\n')
    assert labelled(other)[1] == [("one, two", "pos", 1), ("three", "neg", 2)]
    broken = write(tmp_path, "c.csv", 'one,pos\n"two,neg\n')
    with pytest.raises(DataError, match=r"c\.csv:2: unexpected end of data"):
        labelled(broken)


def test_columns_that_are_exchanged_are_refused_in_a_line(tmp_path):
    path = write(
        tmp_path, "a.tsv", "".join(f"pos\ttext number {i} {'x' * 999}\n" for i in range(50))
    )
    with pytest.raises(DataError) as error:
        SentimentFiles(train=str(path)).spec()
    assert str(error.value).startswith(f"{path}: 50 different labels in 50 rows, such as text num")
    assert len(str(error.value)) < 400 + len(str(path))
    data = SentimentFiles(train=str(path), columns=(1, 0))
    assert data.spec().target.tokens == ("pos",)
    assert len(SentimentFiles(train=str(path), columns=(0, 1)).spec().target) == 50


def test_what_was_recognised_is_said(tmp_path):
    path = str(write(tmp_path, "a.tsv", "text\tlabel\n" + LINES))
    data = SentimentFiles(train=path, val=path, test=path, batch_size=2)
    said = "header row skipped (text, label)"
    assert data.remarks() == [
        "2 classes: pos 2, neg 1",
        *(f"{split}: {said}" for split in ("train", "val", "test")),
    ]


def test_words_without_spaces_between_them_are_told(tmp_path):
    path = str(write(tmp_path, "a.tsv", "我喜欢猫 ok\t1\nฉันรักแมว fine\t0\n"))
    data = SentimentFiles(train=path, val=path, test=path, batch_size=2)
    assert data.remarks()[0].startswith("50% of the words are runs of letters of a script without")
    assert data.remarks()[0].endswith("choose data.level=bpe")
    data = SentimentFiles(train=path, val=path, test=path, batch_size=2, level="char")
    assert data.remarks() == ["2 classes: 0 1, 1 1"]
    assert "猫" in data.spec().source


@pytest.mark.parametrize("of_label", [False, True])
def test_labelled_texts_as_subwords(tmp_path, of_label):
    """The text's side is made of subwords, learnt from the training file and kept by the model."""
    rows = [f"นี่คือ review {word}\t{label}\n" for word in ("abab", "baba") for label in "xy"]
    files = {
        split: str(write(tmp_path, f"{split}.tsv", "".join(rows))) for split in ("train", "test")
    }
    kind = SentimentFilesOfLabel if of_label else SentimentFiles
    data = kind(**files, level="bpe", vocab_size=270, batch_size=2)
    spec = data.spec()
    side = spec.target_tokenizer if of_label else spec.source_tokenizer
    vocab = spec.target if of_label else spec.source
    assert side.level == "bpe"
    examples = data.examples("test")
    ids = (examples.target if of_label else examples.inputs)[0]
    tokens = (
        [vocab.tokens[at] for at in ids[1:-1]] if of_label else [vocab.tokens[at] for at in ids]
    )
    assert side.join(tokens) == "นี่คือ review abab"
    assert len(tokens) < len("นี่คือ review abab".encode())
    write(tmp_path, "train.tsv", "anything else\tx\n")
    reader = kind(**files, level="bpe")
    reader.reuse(Spec.from_dict(spec.to_dict()))
    again = reader.examples("test")
    assert (again.target if of_label else again.inputs)[0].tolist() == ids.tolist()
