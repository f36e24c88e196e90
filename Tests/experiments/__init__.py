"""Experiments: what is claimed of residual networks, measured from scratch by recorder and command."""
