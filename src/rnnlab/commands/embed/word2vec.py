"""Skip-gram and continuous bag of words with negative sampling, by gensim."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from tqdm import tqdm

from rnnlab.commands.embed.corpus import Corpus, CorpusTexts
from rnnlab.data.vector_file import VectorTable
from rnnlab.errors import ConfigError


def gensim_word2vec() -> Callable[..., Any]:
    """The class `Word2Vec` of gensim.

    Raises:
        ConfigError: It is not installed, or cannot be imported.
    """
    try:
        from gensim.models import Word2Vec
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "gensim"
        reason = "is not installed" if missing else f"cannot be imported ({error})"
        raise ConfigError(f"embed: gensim {reason}; pip install 'rnnlab[embed]'") from None
    made: Callable[..., Any] = Word2Vec
    return made


def learn(corpus: Corpus, options: Mapping[str, Any]) -> VectorTable:
    """Learn a vector for each word of a corpus (Mikolov et al. 2013).

    The learning rate falls linearly from `alpha` to 0.0001. With one worker the same seed gives the
    same vectors.

    Args:
        corpus: The sentences.
        options: Options of the command; see `rnnlab.config.roots.EmbedConfig`.

    Returns:
        The corpus's words in their order, and their vectors.

    Raises:
        ConfigError: gensim is missing; the vectors are not finite.
    """
    model = gensim_word2vec()(
        sg=int(options["model"] == "skipgram"),
        hs=0,
        vector_size=options["vector_size"],
        window=options["window"],
        negative=options["negative"],
        sample=options["sample"],
        alpha=options["alpha"],
        min_count=1,  # the corpus knows which words are rare
        max_vocab_size=None,
        workers=options["workers"],
        seed=options["seed"],
    )
    # it warns of batch sizes, and of what the corpus has checked already
    logging.getLogger("gensim").setLevel(logging.ERROR)
    pieces = len(corpus.pieces)
    model.build_vocab_from_freq(
        dict(zip(corpus.words, corpus.counts, strict=True)), corpus_count=pieces
    )
    total, epochs = sum(corpus.counts), options["epochs"]
    with tqdm(
        desc=options["model"], total=total * epochs, unit=" words", unit_scale=True, disable=None
    ) as bar:
        model.train(CorpusTexts(corpus, bar.update), total_examples=pieces, epochs=epochs)
    rows = [model.wv.key_to_index[word] for word in corpus.words]
    vectors = np.asarray(model.wv.vectors[rows], dtype=np.float32)
    if not np.isfinite(vectors).all():
        raise ConfigError(f"alpha: {options['alpha']} is too large, the vectors are not finite")
    return VectorTable(corpus.words, vectors)
