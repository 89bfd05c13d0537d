"""Building blocks around the layers: encoders, decoder, search, losses, metrics, embeddings."""
