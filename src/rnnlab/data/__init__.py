"""Corpora, batches and vocabularies."""
