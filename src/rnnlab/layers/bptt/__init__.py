"""Backpropagation through time, written out: kernels for torch's own cells on a CPU."""
