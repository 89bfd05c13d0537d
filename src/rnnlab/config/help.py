"""Help that is written for people."""

from rnnlab.config.roots import config_dir

PROGRAM = """\
rnnlab - study and train recurrent networks

  rnnlab train [OVERRIDES]              train (the default word); -m for a grid or a sweep
  rnnlab evaluate checkpoint=RUN        test metrics of a trained model
  rnnlab predict checkpoint=RUN input=FILE|-
  rnnlab analyze checkpoint=RUN         what a trained net remembers, for how long, and why
  rnnlab compare RUN|SWEEP ...          results, curves and differences of runs, on one page
  rnnlab embed corpus=CHOICE|FILE       word vectors from a text, and what they are worth
  rnnlab check [OVERRIDES]              validate a configuration and print it
  rnnlab data list|fetch NAME|verify NAME

Try:  rnnlab train task=delayed_recall cell=gru cell.update_bias=2 data.lag=50
      rnnlab train --help
"""

EVALUATE = """\
rnnlab evaluate checkpoint=RUN_DIR|FILE.ckpt [data=GROUP] [data.OPTION=VALUE ...]
                [trainer.OPTION=VALUE ...]

Test metrics of a checkpoint: on the test split of the data it was trained on, or on other data of
the same kind, with the vocabulary of the model.

  rnnlab evaluate checkpoint=outputs/ner-lstm/2026-01-31_12-00-00
  rnnlab evaluate checkpoint=best.ckpt data=conll_files data.test=mine.conll
"""

PREDICT = """\
rnnlab predict checkpoint=RUN_DIR|FILE.ckpt [input=FILE|-] [batch_size=N] [nbest=N] [beam=N]
rnnlab predict checkpoint=RUN_DIR|FILE.ckpt prompt=TEXT [count=N] [length=N] [seed=N]
               [temperature=X] [top_k=N] [top_p=X]

One line of text in, one answer out, in order: sentiment gives `label<TAB>probability`, tagging
gives CoNLL columns (a blank line after each sentence), translation gives the translated line, a
language model `token<TAB>probability` of what comes next.

nbest=N lists the N best translations of each line, the best first, as
`line number<TAB>score<TAB>text`; beam=N sets the width of the search, else the model's
task.num_beams.

With a prompt, texts are drawn: a language model goes on with it. temperature=0 takes the most
probable token at each step.

  echo "What a film!" | rnnlab predict checkpoint=outputs/sentiment-lstm/2026-01-31_12-00-00
  rnnlab predict checkpoint=outputs/language_model-gru/2026-01-31_12-00-00 prompt="ROMEO:" \\
         temperature=0.8 top_k=40
"""

ANALYZE = """\
rnnlab analyze checkpoint=RUN_DIR|FILE.ckpt [data=GROUP] [data.OPTION=VALUE ...] [OPTION=VALUE ...]

What a trained net remembers, for how long, and why, on the test split of its own data or of other
data of the same kind; for each recurrent layer and direction of the encoder: Lyapunov exponents,
gradients through time, time scales and saturation of gates, recurrent matrices. Prints a table
and a paragraph; writes analysis.json (all numbers) and figures.

  output=DIR     folder to write into; else RUN_DIR/analysis
  k=N            Lyapunov exponents, the largest first; else 8, or all where there are fewer
  steps=1000     steps that they are averaged over, in each of ...
  streams=16     ... so many streams of joined sequences, which give the standard error
  transient=100  first steps that are left out
  carry=false    the state starts anew with each sequence, as in use; true carries it on
  batches=4      batches that gradients and gates are measured on
  seed=1

  rnnlab analyze checkpoint=outputs/ner-lstm/2026-01-31_12-00-00
  rnnlab analyze checkpoint=best.ckpt data=delayed_recall data.lag=200 k=32
"""

COMPARE = """\
rnnlab compare RUN_DIR|SWEEP_DIR ... [by=KEY] [output=DIR]

Runs side by side: a table (mean and standard deviation over seeds), and one page, compare.html,
with loss curves, gradient norms, time flow, alarms and the options that differ. Finished, running
and diverged runs may be mixed. A folder stands for all runs below it.

  by=KEY      option that decides the colours: cell, optimizer.lr, seed (each run alone) ...
  output=DIR  folder to write into; else outputs/compare/<date_time>

  rnnlab compare outputs/sweeps/2026-01-31_12-00-00 by=cell
  rnnlab compare outputs/ner-lstm outputs/ner-gru output=ner
"""

EMBED = """\
rnnlab embed corpus=CHOICE|FILE [data.OPTION=VALUE ...] [OPTION=VALUE ...]
rnnlab embed vectors=FILE [restrict=N] [output=DIR]

Word vectors from the training split of a data set, in the tokens that its loader makes, or from a
text file with one sentence a line, split at blanks (data.level=word: into words and punctuation
marks; data.lower=true). Needs gensim: pip install 'rnnlab[embed]'.

Writes vectors.txt (word2vec's text format), counts.tsv (the vocabulary, most frequent word first),
embed.json (settings, checksums) and the most frequent words for TensorBoard's projector. Where
`rnnlab data fetch word2vec_eval` was run, the vectors are tested as well: Google's analogies,
WordSim-353, SimLex-999, in a table and in evaluation.json. With vectors=FILE (GloVe or word2vec,
plain or .gz, below the data root or from the current folder) nothing is trained, only tested.

  model=skipgram   skipgram or cbow, with negative sampling
  size=100         numbers of a vector
  window=5         words on either side, at most
  negative=5       words drawn against each true one
  min_count=5      rarer words are left out
  sample=1e-3      words of a larger share of the text are thinned out; 0: none
  epochs=5
  alpha=0.025      learning rate at the start; it falls to 0.0001
  workers=1        threads; with one the same seed gives the same vectors, with more it is faster
  seed=1
  restrict=N       analogies and similarities among the first N words; else all
  projector=5000   words for TensorBoard; 0: none
  output=DIR       folder to write into; else outputs/embed-<corpus>/<date_time>
  root=DIR         data root; else $RNNLAB_DATA, else the user's cache folder

  rnnlab embed corpus=imdb workers=2
  rnnlab embed corpus=my.txt model=cbow size=50 min_count=2 data.level=word data.lower=true
  rnnlab embed vectors=glove/glove.6B.50d.txt
  rnnlab train task=sentiment embedding=word2vec embedding.path=outputs/embed-imdb/.../vectors.txt
"""

DATA = """\
rnnlab data list           every data set: task, size, licence, whether it is present
rnnlab data fetch NAME     download one (checked by sha256)
rnnlab data verify NAME    check files and counts against the known ones

Files are looked for below root=FOLDER, else $RNNLAB_DATA, else the user's cache folder.
"""

_GROUPS = {
    "task": "what is learned; chooses a data set and sensible settings",
    "cell": "the recurrent cell",
    "encoder": "layers and directions",
    "embedding": "word vectors",
    "characters": "features of words from their letters",
    "data": "the data set",
    "optimizer": "",
    "scheduler": "learning rate over the epochs",
    "trainer": "hardware and length of training",
    "logger": "where figures go",
    "diagnostics": "gradients that are measured",
    "experiment": "complete settings with a known result; those of the lecture are sweeps",
    "variant": "a cell with other options, for sweeps that are no grid",
    "sweep": "hyperparameter search (with -m)",
    "launcher": "how the jobs of a multirun are started",
}

_EXAMPLES = """\
Examples
  rnnlab train task=sentiment cell=gru encoder.bidirectional=true
  rnnlab train task=ner embedding=glove encoder.num_layers=2 trainer.max_epochs=3
  rnnlab train task=delayed_recall data.lag=50 cell=lstm cell.forget_bias=3
  rnnlab train -m task=delayed_recall cell=rnn,lstm,gru seed=1,2
  rnnlab train resume=outputs/ner-lstm/2026-01-31_12-00-00 trainer.max_epochs=20

`rnnlab check OVERRIDES` shows every option and its value; `--cfg job` shows the same from Hydra.
"""


def train_help() -> str:
    """Groups, their choices, examples."""
    lines = ["rnnlab train [GROUP=CHOICE ...] [GROUP.OPTION=VALUE ...]", "", "Groups"]
    for group, meaning in _GROUPS.items():
        choices = sorted(path.stem for path in (config_dir() / group).glob("*.yaml"))
        lines.append(f"  {group + '=':14s}{'|'.join(choices) or '(none yet)'}")
        if meaning:
            lines.append(f"  {'':14s}{meaning}")
    return "\n".join([*lines, "", _EXAMPLES])
