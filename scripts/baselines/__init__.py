"""Plain PyTorch programs for the benchmark's tasks, as people write them by hand.

`tutorial`: shuffled batches, packed sequences, and for translation a decoder that goes step by
step. `careful`: batches of similar length, padded, torch's fused kernels and optimiser.
None of the models uses rnnlab; all read the same token ids.
"""
