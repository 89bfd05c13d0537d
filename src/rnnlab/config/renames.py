"""What has another name in earlier versions, or elsewhere: options, classes, weights."""

# ruff: noqa: E501 - one line for each name

OPTIONS: dict[str, str] = {
    "beam": "num_beams",  # of `rnnlab predict`
    "characters.size": "characters.embedding_dim",
    "characters.width": "characters.kernel_size",
    "checkpoint.share": "checkpoint.max_overhead",
    "count": "num_return_sequences",  # of `rnnlab predict`
    "data.bpe_size": "data.vocab_size",
    "data.joint": "data.share_vocab",
    "data.max_size": "data.max_vocab_size",
    "embedding.size": "embedding.embedding_dim",
    "encoder.locked": "encoder.variational_dropout",
    "hydra.launcher.n_jobs": "launcher.max_parallel",
    "hydra.sweeper.n_trials": "sweep.n_trials",
    "hydra.sweeper.storage": "sweep.storage",
    "length": "max_new_tokens",  # of `rnnlab predict`
    "nbest": "num_return_sequences",  # of `rnnlab predict`
    "size": "vector_size",  # of `rnnlab embed`
    "task.beam": "task.num_beams",
    "task.embedding_size": "task.embedding_dim",
    "task.max_output": "task.max_new_tokens",
    "task.tied": "task.tie_word_embeddings",
    "task.val_beam": "task.val_num_beams",
}
"""Old key -> new key of an option, such as `task.beam` -> `task.num_beams`."""

ELSEWHERE: dict[str, str] = {
    "device": "trainer.accelerator",
    "epochs": "trainer.max_epochs",
    "gpus": "trainer.devices",
    "learning_rate": "optimizer.lr",
    "num_epochs": "trainer.max_epochs",
    "num_train_epochs": "trainer.max_epochs",
}
"""What other programs, or other commands of this one, call an option of training -> its key."""

CLASSES: dict[str, str] = {
    "rnnlab.bag.Bag": "rnnlab.nn.bow.BagOfWords",
    "rnnlab.data.imdb_text.IMDbText": "rnnlab.data.datasets.imdb.IMDbText",
    "rnnlab.data.label_to_text.NamesOfLabel": "rnnlab.data.datasets.names.NamesOfLabel",
    "rnnlab.data.label_to_text.SentimentFilesOfLabel": "rnnlab.data.datasets.sentiment_files.SentimentFilesOfLabel",
    "rnnlab.encoder.Encoder": "rnnlab.nn.recurrent.RecurrentEncoder",
    "rnnlab.nn.characters.ShapeAlone": "rnnlab.nn.characters.WordShapeOnly",
}
"""Old dotted name -> new dotted name of a class that a stored configuration names.

Of `rnnlab.data.NAME.CLASS`, which moved into `rnnlab.data.datasets`, only those of other files.
"""

WEIGHTS: dict[str, str] = {
    "ahead": "forward_layer",
    "back": "backward_layer",
}
"""Part of a key of a state_dict between dots, old -> new, such as `ahead` -> `forward_layer`."""
