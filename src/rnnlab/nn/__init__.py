"""Building blocks that are not recurrent: attention, decoding, pooling, metrics."""
