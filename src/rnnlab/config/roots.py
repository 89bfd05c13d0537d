"""The options of each command: the roots of its configuration."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt

from rnnlab.config.types import (
    Fraction,
    Group,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Seed,
)

Task = Annotated[dict[str, Any], Group("rnnlab.tasks.base.Task")]
Cell = Annotated[dict[str, Any], Group("rnnlab.layers.base.Layer")]
Encoder = Annotated[dict[str, Any], Group("rnnlab.nn.encoder.Encoder")]
Embedding = Annotated[dict[str, Any], Group("rnnlab.nn.embedding.Vectors")]
Characters = Annotated[dict[str, Any], Group("rnnlab.nn.characters.CharacterEncoder")]
Data = Annotated[dict[str, Any], Group("rnnlab.data.base.SequenceData")]
Optimizer = Annotated[dict[str, Any], Group("torch.optim.Optimizer")]
Scheduler = Annotated[dict[str, Any], Group("torch.optim.lr_scheduler.LRScheduler")]
Trainer = Annotated[dict[str, Any], Group("lightning.Trainer")]
Logger = Annotated[dict[str, Any], Group("lightning.pytorch.loggers.Logger")]
Launcher = Annotated[dict[str, Any], Group("rnnlab.runs.launchers.base.Launcher")]


@dataclass(kw_only=True)
class Snapshots:
    """When `checkpoints/last.ckpt` is written.

    Args:
        every_n_steps: Optimiser steps between two checkpoints, at least.
        max_overhead: Share of the training time that writing them may take within an epoch; 1 for
            any.
    """

    every_n_steps: PositiveInt = 50
    max_overhead: Fraction = 0.01


@dataclass(kw_only=True)
class EarlyStopping:
    """When a run ends before its last epoch.

    Args:
        patience: Validations without improvement before it ends; null for never.
    """

    patience: NonNegativeInt | None = None


@dataclass(kw_only=True)
class Averaging:
    """When weights are averaged.

    Args:
        patience: Validations without improvement before the mean of all later steps' weights is
            evaluated in place of the weights; null for never.
    """

    patience: NonNegativeInt | None = None


@dataclass(kw_only=True)
class LearningRate:
    """When the learning rate changes.

    Args:
        interval: What `scheduler` counts, optimiser steps or epochs: its step_size and gamma are
            meant for one of these. The cosine spans all of the training in both.
        warmup_steps: Optimiser steps over which the rate rises linearly to that of the scheduler.
    """

    interval: Literal["epoch", "step"] = "epoch"
    warmup_steps: NonNegativeInt = 0


@dataclass(kw_only=True)
class Instruments:
    """What all instruments of `diagnostics` share.

    Args:
        max_overhead: Share of the training time that each may take, such as 0.03; null for any.
    """

    max_overhead: Annotated[float, Gt(0), Lt(1)] | None = None


@dataclass(kw_only=True)
class Sweep:
    """What the jobs of a multirun share.

    Args:
        n_trials: Trials of a search, in all; null for a grid.
        sampler: What draws the trials of a search: Parzen estimators of good and bad values, or
            chance.
        pruner: Ends jobs that are worse than others were after as many validations; below the
            median, or by the brackets of Hyperband.
        retries: How often a job that failed is tried again when the sweep goes on.
        storage: Database of the ledger, such as postgresql+psycopg://user@host/name; null for the
            file ledger.db in the sweep's folder.
    """

    n_trials: PositiveInt | None = None
    sampler: Literal["tpe", "random"] = "tpe"
    pruner: Literal["none", "median", "hyperband"] = "none"
    retries: NonNegativeInt = 1
    storage: str | None = None


@dataclass(kw_only=True)
class VectorFile:
    """Where the word vectors of a trained model are.

    Args:
        path: The file of word vectors that the model was trained with, where it has moved; null for
            the checkpoint's own vectors, or the file's former place.
    """

    path: str | None = None


@dataclass(kw_only=True)
class TrainConfig:
    """rnnlab train [GROUP=CHOICE ...] [GROUP.OPTION=VALUE ...]

    Trains a model and tests its best checkpoint. `-m` trains once for each value of a list, such as
    cell=rnn,lstm,gru. A run's folder has its configuration, checkpoints, metrics.json and the
    events for TensorBoard.

      rnnlab train task=sentiment cell=gru encoder.bidirectional=true
      rnnlab train task=ner embedding=glove encoder.num_layers=2 trainer.max_epochs=3
      rnnlab train task=delayed_recall data.lag=50 cell=lstm cell.forget_bias=3
      rnnlab train -m task=delayed_recall cell=rnn,lstm,gru seed=1,2
      rnnlab train resume=outputs/ner-lstm/2026-01-31_12-00-00 trainer.max_epochs=20

    Args:
        seed: Decides initial weights, dropout and the order of the data.
        resume: Folder of a run or of a sweep to continue.
        trust: Packages of your own whose classes the configuration may name.
        baseline: Train a bag of words as well, for a tenth of the time at most, and print its
            metrics beside the run's.
        checkpoint: When checkpoints/last.ckpt is written.
        early_stopping: When a run ends before its last epoch.
        averaging: When weights are averaged.
        lr_schedule: When the learning rate changes.
        task: What is learnt; chooses a data set and settings that suit it.
        cell: The cell of a layer: recurrent, or self-attention.
        encoder: Layers and directions.
        embedding: Word vectors.
        characters: Features of words from their characters.
        data: The data set.
        optimizer: The optimiser.
        scheduler: The learning rate over the training (see lr_schedule.interval).
        trainer: Hardware and length of the training.
        logger: Where figures go.
        diagnostics: Gradients, gates and memory that are measured.
        sweep: What the jobs of a multirun share.
        launcher: Where the jobs of a multirun run.
    """  # noqa: D415

    seed: Seed = 1
    resume: str | None = None
    trust: list[str] = field(default_factory=list)
    baseline: bool = False
    checkpoint: Snapshots = field(default_factory=Snapshots)
    early_stopping: EarlyStopping = field(default_factory=EarlyStopping)
    averaging: Averaging = field(default_factory=Averaging)
    lr_schedule: LearningRate = field(default_factory=LearningRate)
    task: Task
    cell: Cell
    encoder: Encoder
    embedding: Embedding
    characters: Characters | None = None
    data: Data
    optimizer: Optimizer
    scheduler: Scheduler | None = None
    trainer: Trainer
    logger: Logger | None = None
    diagnostics: Annotated[dict[str, Any], Group("lightning.Callback", Instruments)] | None = None
    sweep: Sweep = field(default_factory=Sweep)
    launcher: Launcher | None = None


@dataclass(kw_only=True)
class EvaluateConfig:
    """rnnlab evaluate checkpoint=RUN_DIR|FILE.ckpt [data=CHOICE] [data.OPTION=VALUE ...]

    Test metrics of a checkpoint, as JSON: on the test split of the data it was trained on, or on
    other data of the same kind, with the vocabulary of the model. Of labels and tags each class's
    precision, recall and F1, and which was taken for which, are there as well.

      rnnlab evaluate checkpoint=outputs/ner-lstm/2026-01-31_12-00-00
      rnnlab evaluate checkpoint=best.ckpt data=conll_files data.test=mine.conll

    Args:
        checkpoint: A .ckpt file, or a run's folder (its best checkpoint).
        trust: Packages of your own whose classes the checkpoint may name.
        embedding: Word vectors of the model.
        seed: Decides random numbers that the data may need.
        output: Folder for report.json and the figure of the confusion matrix; null for none.
        data: Another data set than that of the training.
        trainer: Hardware.
        device: auto, cpu, cuda or cuda:1; auto leaves it to `trainer`.
    """  # noqa: D415

    checkpoint: str
    trust: list[str] = field(default_factory=list)
    embedding: VectorFile = field(default_factory=VectorFile)
    seed: Seed = 1
    output: str | None = None
    data: Data | None = None
    trainer: Trainer
    device: str = "auto"


@dataclass(kw_only=True)
class PredictConfig:
    """rnnlab predict checkpoint=RUN_DIR|FILE.ckpt [input=FILE|-] | [prompt=TEXT]

    One line of text in, one answer out, in order: sentiment gives `label<TAB>probability`, tagging
    gives CoNLL columns (a blank line after each sentence), translation the translated line, a
    language model `token<TAB>probability` of what comes next. With num_return_sequences=N each line
    gives its N best translations, best first, as `line number<TAB>score<TAB>text`. With score=true
    a language model gives `log-probability<TAB>perplexity<TAB>text`.

    For a model of sound the input is a sound file, or a list of them, one path a line, relative to
    the list: speech to text prints a transcript a line, classification a label.

    With a prompt, a language model continues it, and other generators write a text for it.

      echo "What a film!" | rnnlab predict checkpoint=outputs/sentiment-lstm/2026-01-31_12-00-00
      rnnlab predict checkpoint=RUN prompt="ROMEO:" temperature=0.8 top_k=40

    Args:
        checkpoint: A .ckpt file, or a run's folder (its best checkpoint).
        input: A text file, or - for standard input; a sound file or a list of them.
        batch_size: Lines that are answered at once.
        score: How probable each line is with its end, as one that follows another (natural
            logarithm), and the perplexity of its tokens; for language models.
        num_beams: Width of the beam search; null for the model's own.
        num_return_sequences: Texts for each line or prompt.
        prompt: A text to continue, or to write a text for.
        max_new_tokens: Tokens that a prompt is continued by, at most.
        temperature: Divides the logits; below 1 the probable becomes more probable, 0 always takes
            the most probable token.
        top_k: Draw from this many most probable tokens; null for all.
        top_p: Draw from the fewest most probable tokens that have this probability together.
        seed: The same seed draws the same texts.
        trust: Packages of your own whose classes the checkpoint may name.
        embedding: Word vectors of the model.
        states: A file of numpy, FILE.npz, for the hidden states: of line 1 `1/encoder` (T, H), what
            the task reads, and `1/tokens` (T,).
        states_layers: Write the last layer's, or all: `1/encoder.0`, `1/encoder.0.backward` ...
        device: auto, cpu, cuda or cuda:1; auto takes a GPU where there is one.
    """  # noqa: D415

    checkpoint: str
    input: str = "-"
    batch_size: PositiveInt = 64
    score: bool = False
    num_beams: PositiveInt | None = None
    num_return_sequences: PositiveInt = 1
    prompt: str | None = None
    max_new_tokens: PositiveInt = 300
    temperature: NonNegativeFloat = 1.0
    top_k: PositiveInt | None = None
    top_p: Annotated[float, Gt(0), Le(1)] = 1.0
    seed: Seed = 1
    trust: list[str] = field(default_factory=list)
    embedding: VectorFile = field(default_factory=VectorFile)
    states: str | None = None
    states_layers: Literal["last", "all"] = "last"
    device: str = "auto"


@dataclass(kw_only=True)
class AnalyzeConfig:
    """rnnlab analyze checkpoint=RUN_DIR|FILE.ckpt [data=CHOICE] [data.OPTION=VALUE ...]

    What a trained net remembers, for how long, and why, on the test split of its own data or of
    other data of the same kind; for each recurrent layer and direction of the encoder: Lyapunov
    exponents, gradients through time, time scales and saturation of gates, fixed points, recurrent
    matrices; for any encoder the influence of each input on its output at the end.
    Prints a table and a paragraph; writes analysis.html (a page with charts and verdicts),
    analysis.json (all numbers) and the charts as pictures.

      rnnlab analyze checkpoint=outputs/ner-lstm/2026-01-31_12-00-00
      rnnlab analyze checkpoint=best.ckpt data=delayed_recall data.lag=200 k=32

    Args:
        checkpoint: A .ckpt file, or a run's folder (its best checkpoint).
        output: Folder to write into; null for `analysis` in the run's folder.
        figures: Pictures of each chart beside the page: png, svg (for slides and papers), or both.
        k: Lyapunov exponents, the largest first; null for 8, or all where there are fewer.
        steps: Steps that the exponents are averaged over in each stream.
        transient: First steps that are left out.
        streams: Streams of joined sequences, side by side; they give the standard error.
        carry: Carry the state over from one sequence to the next.
        batches: Batches that gradients and gates are measured on.
        fixed_points: States of the data from which fixed points of a layer are looked for; null for
            32, or fewer where a state has more than 320 numbers; 0 for none.
        trust: Packages of your own whose classes the checkpoint may name.
        embedding: Word vectors of the model.
        seed: Decides which sequences are joined.
        data: Another data set than that of the training.
        device: auto, cpu, cuda or cuda:1; auto takes a GPU where there is one.
    """  # noqa: D415

    checkpoint: str
    output: str | None = None
    figures: Literal["png", "svg", "both"] = "png"
    k: PositiveInt | None = None
    steps: Annotated[int, Ge(10)] = 1000
    transient: NonNegativeInt = 100
    streams: PositiveInt = 16
    carry: bool = False
    batches: PositiveInt = 4
    fixed_points: NonNegativeInt | None = None
    trust: list[str] = field(default_factory=list)
    embedding: VectorFile = field(default_factory=VectorFile)
    seed: Seed = 1
    data: Data | None = None
    device: str = "auto"


@dataclass(kw_only=True)
class SweepConfig:
    """rnnlab sweep SWEEP_DIR [rows=N] [every=SECONDS]

    How far a sweep is: how many jobs wait, run and have ended, the best so far, the time left, and
    a table of jobs: those at work, then the best ones. On a terminal it is drawn anew until nothing
    is left to do; elsewhere it is printed once. Workers are not disturbed.

      rnnlab sweep outputs/sweeps/2026-01-31_12-00-00

    Args:
        rows: Jobs in the table, at most.
        every: Seconds between two tables.
    """  # noqa: D415

    rows: PositiveInt = 20
    every: PositiveFloat = 2.0


@dataclass(kw_only=True)
class CompareConfig:
    """rnnlab compare RUN_DIR|SWEEP_DIR ... [by=KEY] [facet=KEY] [figures=svg] [output=DIR]

    Runs side by side: a table (mean and standard deviation over seeds), a paired test of the best
    group against the others, and one page, compare.html, with loss curves, gradient norms, time
    flow (with a slider over the training), alarms and the options that differ. Finished, running
    and diverged runs may be mixed. A folder stands for all runs below it.

      rnnlab compare outputs/sweeps/2026-01-31_12-00-00 by=cell
      rnnlab compare outputs/ner-lstm outputs/ner-gru output=ner

    Args:
        by: Option that decides the colours: cell, optimizer.lr, seed (each run alone) ...
        facet: Option that decides the panels; none for none; null for one where groups are many.
        figures: Pictures of each chart beside the page: png, svg (for slides and papers), or both.
        output: Folder to write into; null for outputs/compare/<date_time>.
    """  # noqa: D415

    by: str | None = None
    facet: str | None = None
    figures: Literal["png", "svg", "both"] = "png"
    output: str | None = None


@dataclass(kw_only=True)
class EmbedConfig:
    """rnnlab embed corpus=CHOICE|FILE [data.OPTION=VALUE ...] | vectors=FILE

    Word vectors from the training split of a data set, in the tokens that its loader makes, or from
    a text file with one sentence a line, split at blanks (data.level=word: into words and
    punctuation marks; data.lower=true). Needs gensim: pip install 'rnnlab[embed]'.

    Writes vectors.txt (word2vec's text format), counts.tsv (the vocabulary, most frequent word
    first), embed.json (settings, checksums) and the most frequent words for TensorBoard's
    projector. Where `rnnlab data fetch word2vec_eval` was run, the vectors are tested as well:
    Google's analogies, WordSim-353, SimLex-999, in a table and in evaluation.json. With
    vectors=FILE nothing is trained, only tested.

      rnnlab embed corpus=imdb workers=2
      rnnlab embed corpus=my.txt model=cbow vector_size=50 min_count=2 data.level=word
      rnnlab embed vectors=glove/glove.6B.50d.txt
      rnnlab train task=sentiment embedding=word2vec embedding.path=outputs/embed-imdb/vectors.txt

    Args:
        corpus: A data set, or a text file with one sentence a line.
        vectors: Vectors to test (GloVe or word2vec, plain or .gz), below the data root or from the
            current folder.
        output: Folder to write into; null for outputs/embed-<corpus>/<date_time>.
        model: Skip-gram or continuous bag of words, with negative sampling.
        vector_size: Numbers of a vector.
        window: Words on either side, at most.
        negative: Words drawn against each true one.
        min_count: Rarer words are left out.
        sample: Words of a larger share of the text are thinned out; 0 for none.
        epochs: Passes over the text.
        alpha: Learning rate at the start; it falls to 0.0001.
        workers: Threads; with one the same seed gives the same vectors, with more it is faster.
        seed: Decides initial vectors and what is drawn.
        restrict: Analogies and similarities among the first so many words; null for all.
        projector: Words for TensorBoard; 0 for none.
        root: Data root; null for $RNNLAB_DATA, else the user's cache folder.
        trust: Packages of your own whose classes the configuration may name.
        data: Options of the corpus.
    """  # noqa: D415

    corpus: str | None = None
    vectors: str | None = None
    output: str | None = None
    model: Literal["skipgram", "cbow"] = "skipgram"
    vector_size: PositiveInt = 100
    window: PositiveInt = 5
    negative: PositiveInt = 5
    min_count: PositiveInt = 5
    sample: Fraction = 1e-3
    epochs: PositiveInt = 5
    alpha: Annotated[float, Gt(0), Lt(1)] = 0.025
    workers: PositiveInt = 1
    seed: Seed = 1
    restrict: PositiveInt | None = None
    projector: NonNegativeInt = 5000
    root: str | None = None
    trust: list[str] = field(default_factory=list)
    data: Data | None = None


@dataclass(kw_only=True)
class ExportConfig:
    """rnnlab export checkpoint=RUN_DIR|FILE.ckpt output=DIR [format=onnx|torch]

    A folder that answers without rnnlab and without torch: the model in ONNX for any batch and any
    length, its vocabularies and tokeniser as JSON, the weights as safetensors, a model card, and a
    program of numpy and onnxruntime, `python DIR/runner.py INPUT`, that prints what `rnnlab
    predict` prints. With format=torch the parts are programs of `torch.export`.

      rnnlab export checkpoint=outputs/sentiment-lstm/2026-01-31_12-00-00 output=film
      echo "What a film!" | python film/runner.py -

    Args:
        checkpoint: A .ckpt file, or a run's folder (its best checkpoint).
        output: The folder to write.
        format: `onnx`, or `torch` for programs of torch.export (.pt2).
        overwrite: Write into a folder that is not empty; files of the same names are replaced.
        trust: Packages of your own whose classes the checkpoint may name.
        embedding: Word vectors of the model.
    """  # noqa: D415

    checkpoint: str
    output: str
    format: Literal["onnx", "torch"] = "onnx"
    overwrite: bool = False
    trust: list[str] = field(default_factory=list)
    embedding: VectorFile = field(default_factory=VectorFile)


ROOTS: dict[str, type] = {
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
    "predict": PredictConfig,
    "export": ExportConfig,
    "analyze": AnalyzeConfig,
    "sweep": SweepConfig,
    "compare": CompareConfig,
    "embed": EmbedConfig,
}
