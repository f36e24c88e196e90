"""Whether what a compiler traces at a block's place is the block: asked of the graph of gradients.

Python may add other branches at the same number than when blocks were found. In eager mode a block
is known by the parameters of its branch; a compiler works on stand-ins, one for each parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

#: The most operations of a branch that are followed.
MOST_OPERATIONS = 10_000

#: Of the pass under way, by its forward buffers: the parameters of the branch that need gradients.
expected: dict[int, tuple[Tensor, Sequence[Tensor]]] = {}

#: All parameters of the network.
_network: list[Tensor] = []

_answer = [True]


def expect(
    parameters: Mapping[int, tuple[Tensor, Sequence[Tensor]]], network: Sequence[Tensor]
) -> None:
    """Tells what blocks hold: their forward buffer and parameters, by the buffer's id."""
    expected.clear()
    expected.update(parameters)
    _network[:] = network


def look(branch: Tensor, streams: list[Tensor], forward: Tensor) -> None:
    """Looks, while a compiler traces, whether a branch was made of a stream by its own parameters.

    `forward` is the block's buffer, which tells which block it is to be. The answer is kept for
    `is_own`. In a graph that runs, and where the gradients tell nothing, it is yes: as of a branch
    of which a part was made before a graph break.
    """
    _answer[0] = True
    mode = torch._guards.detect_fake_mode((forward,))
    if mode is None or branch.grad_fn is None:
        return
    stand_in = mode.fake_tensor_converter._get_memo
    for buffer, parameters in list(expected.values()):
        if stand_in(buffer) is forward:
            known = {id(stand_in(parameter)) for parameter in parameters}
            leaves, reached = leaves_of(branch, streams)
            is_cut = bool(leaves - {id(stand_in(parameter)) for parameter in _network})
            is_made = known <= leaves and (reached or not streams)
            _answer[0] = is_made or is_cut or not known
            return


def is_own() -> bool:
    """The answer to the last look."""
    return _answer[0]


def leaves_of(branch: Tensor, streams: Sequence[Tensor]) -> tuple[set[int], bool]:
    """The ids of the leaves that a branch was made of, short of the streams; whether one was reached."""
    edges = [torch.autograd.graph.get_gradient_edge(s) for s in streams if s.requires_grad]
    ends = {(edge.node, edge.output_nr) for edge in edges}
    leaves: set[int] = set()
    seen: set[Any] = set()
    waiting: list[Any] = [(branch.grad_fn, 0)]
    is_reached = False
    while waiting and len(seen) < MOST_OPERATIONS:
        node, output = waiting.pop()
        if node is None:
            continue
        if (node, output) in ends:
            is_reached = True
            continue
        if node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if variable is not None:
            leaves.add(id(variable))
        waiting += node.next_functions
    return leaves, is_reached or not edges
