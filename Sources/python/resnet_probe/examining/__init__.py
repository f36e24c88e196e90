"""Ablations: what removing blocks does to the loss of a fixed probe set, the network in eval mode."""
