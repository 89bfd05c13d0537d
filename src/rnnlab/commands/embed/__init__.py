"""`rnnlab embed`: word vectors from a corpus, and what they are worth."""
