"""A run from configuration to score, and back from a checkpoint to a model."""
