"""Plain blocks without a module of their own: a map with its following norm and activation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from resnet_probe.tracing import operations
from resnet_probe.tracing.listener import Listener
from resnet_probe.tracing.node import Node
from resnet_probe.tracing.trace import Trace, tensors_in


@dataclass(slots=True)
class Chain:
    """A map of equal shapes in and out, and what followed it so far."""

    stream: torch.Tensor
    version: int  # of the stream
    output: torch.Tensor
    nodes: list[int]
    has_norm: bool = False


class Chains:
    """The chains that are under way in one trace; each is told of once, when it ends."""

    def __init__(self, trace: Trace, listener: Listener) -> None:
        self._trace = trace
        self._listener = listener
        self._open: dict[int, Chain] = {}  # by the index of its last node

    def before(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Ends the chains that the coming operation reads and does not go on."""
        if not self._open or name in operations.QUESTIONS:
            return
        for tensor in tensors_in((args, kwargs), depth=3):
            node = self._trace.node(tensor)
            chain = self._open.get(node.index) if node is not None else None
            if chain is not None and node is not None and not self._goes_on(chain, name):
                self._end(node.index)

    def after(self, name: str, node: Node, result: torch.Tensor) -> None:
        """Begins a chain with a map, or takes its norm or activation in."""
        chain = self._open.pop(node.parents[0], None) if len(node.parents) == 1 else None
        if chain is not None and self._goes_on(chain, name) and result.shape == chain.stream.shape:
            chain.output = result
            chain.nodes.append(node.index)
            chain.has_norm = True
            self._open[node.index] = chain
            if name in operations.ACTIVATIONS:
                self._end(node.index)
        elif node.is_map and len(node.parents) == 1 and result.is_floating_point():
            stream = self._trace.nodes[node.parents[0]].reference()
            if stream is not None and stream.shape == result.shape and stream is not result:
                self._open[node.index] = Chain(stream, stream._version, result, [node.index])

    def end(self) -> None:
        """Ends all chains."""
        for index in list(self._open):
            self._end(index)

    @staticmethod
    def _goes_on(chain: Chain, name: str) -> bool:
        return name in operations.ACTIVATIONS or (
            name in operations.NORMS and not chain.has_norm
        )  # fmt: skip

    def _end(self, index: int) -> None:
        chain = self._open.pop(index)
        if chain.stream._version == chain.version:
            self._listener.chain(self._trace, chain.stream, chain.output, chain.nodes)
