"""Brute force in float64: every statistic from its definition, without the recorder.

A second forward, written by hand for each network, says what each block's stream, shortcut, branch
and sum are; autograd gives the gradients; Statistics.md gives the rest, sample by sample.
"""

from .comparison import differences
from .expected import expected_statistics
from .tracing import BlockTrace, Trace, traced_forward

__all__ = ["BlockTrace", "Trace", "differences", "expected_statistics", "traced_forward"]
