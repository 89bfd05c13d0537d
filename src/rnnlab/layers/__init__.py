"""Recurrent layers behind one contract (`rnnlab.layers.base.Layer`)."""
