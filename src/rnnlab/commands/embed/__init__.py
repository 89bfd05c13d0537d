"""`rnnlab embed`: word vectors from a corpus, and their evaluation."""
