"""One file a corpus or generator."""
