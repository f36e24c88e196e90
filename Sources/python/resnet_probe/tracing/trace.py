"""A trace of one forward pass: which tensor came from which, through which parameters.

The trace sees each call of torch's Python functions once, on the tensors themselves, so that it
needs no gradient, works on frozen layers and on the meta device, and knows in-place results. What
runs below Python's functions (an `autograd.Function`) is followed by its gradient's graph.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch

from resnet_probe.tracing import operations
from resnet_probe.tracing.node import Call, Constant, Node
from resnet_probe.tracing.places import Places
from resnet_probe.tracing.subgraphs import is_in_subgraph

#: What holds no tensor, told by its type alone: most arguments.
_LEAVES = frozenset({type(None), bool, int, float, str, bytes, torch.dtype, torch.device})


class Trace:
    """The operations since it was begun, in order; for one thread.

    Tensors are held weakly. `parameters` are the network's, by id. Complexity: each operation costs
    a few microseconds and one integer of as many bits as there are nodes.
    """

    def __init__(self, parameters: Mapping[int, str], *, counts_macs: bool = False) -> None:
        self.parameters = parameters
        self.nodes: list[Node] = []
        self.calls: list[Call] = []
        self._stack: list[int] = []
        self._known: dict[int, Node | Constant] = {}
        self._functions: dict[Any, int] = {}  # of gradients, to their nodes
        self._counts_macs = counts_macs
        self._places = Places()
        self._place = (-1, -1)  # of the operation under way

    # What is known of a tensor

    def node(self, tensor: torch.Tensor) -> Node | None:
        """The node of a tensor; None where it does not depend on the input."""
        known = self._lookup(tensor)
        return known if isinstance(known, Node) else None

    def _lookup(self, tensor: torch.Tensor) -> Node | Constant:
        known = self._known.get(id(tensor))
        if known is not None and known.reference() is tensor:
            if isinstance(known, Node) and known.version != version_of(tensor):
                return self._add(tensor, "written", (known.index,), ())  # through a view of it
            return known
        if id(tensor) in self.parameters or isinstance(tensor, torch.nn.Parameter):
            return self._keep(tensor, Constant(weakref.ref(tensor), (tensor,)))
        if tensor.grad_fn is not None:
            return self._adopt(tensor)
        return self._keep(tensor, Constant(weakref.ref(tensor)))

    def add_input(self, tensor: torch.Tensor) -> None:
        """Makes a tensor one that everything made of it depends on."""
        known = self._known.get(id(tensor))
        if isinstance(known, Node) and known.reference() is tensor:
            return
        if id(tensor) not in self.parameters:
            self._add(tensor, "input", (), ())

    def _keep(self, tensor: torch.Tensor, known: Constant) -> Constant:
        self._known[id(tensor)] = known
        return known

    def _adopt(self, tensor: torch.Tensor) -> Node:
        """A tensor whose making was not seen: its gradient's graph tells what it depends on."""
        parents: dict[int, None] = {}
        parameters: dict[int, torch.Tensor] = {}
        seen: set[Any] = set()
        waiting: list[Any] = [tensor.grad_fn]
        while waiting and len(seen) < 10_000:
            function = waiting.pop()
            if function is None or function in seen:
                continue
            seen.add(function)
            found = self._functions.get(function)
            if found is not None:
                parents[found] = None
            elif (variable := getattr(function, "variable", None)) is not None:
                known = self._known.get(id(variable))
                if isinstance(known, Node) and known.reference() is variable:
                    parents[known.index] = None
                else:
                    parameters[id(variable)] = variable
            else:
                waiting += [following for following, _ in function.next_functions]
        return self._add(
            tensor, "opaque", tuple(sorted(parents)), tuple(parameters.values()),
            is_map=any(parameter.ndim > 1 for parameter in parameters.values()),
        )  # fmt: skip

    # Modules

    @property
    def counted(self) -> tuple[int, int]:
        """How many joining operations and layers there were so far."""
        return self._places.joins, self._places.layers

    def enter(self, module: torch.nn.Module | None) -> Call:
        """Begins a module's call."""
        parent = self._stack[-1] if self._stack else -1
        call = Call(len(self.calls), parent, module, len(self.nodes))
        call.first_join, call.first_layer = self._places.joins, self._places.layers
        self.calls.append(call)
        self._stack.append(call.index)
        return call

    def leave(self, call: Call) -> None:
        """Ends a module's call, and with it what was begun inside and never ended."""
        while self._stack and self._stack.pop() != call.index:
            pass
        call.end = len(self.nodes)
        call.end_join, call.end_layer = self._places.joins, self._places.layers

    @property
    def innermost(self) -> Call | None:
        """The call under way."""
        return self.calls[self._stack[-1]] if self._stack else None

    def calls_around(self, index: int) -> Iterator[int]:
        """A call and those around it, the innermost first."""
        while index >= 0:
            yield index
            index = self.calls[index].parent

    # Operations

    def count(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Numbers the operation that is recorded next."""
        self._place = (-1, -1)
        if self._counts_macs and not is_in_subgraph():
            self._place = self._places.count(name, args, kwargs)

    def record(
        self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any],
        result: Any,
    ) -> None:  # fmt: skip
        """Takes in one operation after it was done."""
        name = operations.name_of(function)
        if name == "__setitem__":
            result = args[0]
        outputs = tensors_in(result, depth=2)
        if not outputs:
            return
        if name == "__get__" and len(outputs) == 1 and id(outputs[0]) in self.parameters:
            return
        parents: dict[int, Node] = {}
        parameters: dict[int, torch.Tensor] = {}
        random: torch.Tensor | None = None
        is_direct = True
        for tensor in _arguments(args, kwargs):
            known = self._before(tensor, outputs)
            if isinstance(known, Node):
                parents[known.index] = known
                continue
            for parameter in known.parameters:
                parameters[id(parameter)] = parameter
                is_direct &= parameter is tensor
            if known.is_random and not known.parameters:
                random = tensor
        if not parents or name in operations.SHAPED:
            self._record_constants(name, args, kwargs, outputs, tuple(parameters.values()), random)
            return
        if name in operations.ADDS and any(type(a) in (int, float) and a == 0 for a in args):
            name = "alias"  # sum([x, y]) begins with 0 + x
        is_map = bool(parameters) and name in operations.MAPS
        for output in outputs:
            node = self._add(
                output, name, tuple(parents), tuple(parameters.values()), is_map=is_map
            )
            node.is_direct = is_direct
            node.join, node.layer = self._place
            self._write_base(output, node, args)
            node.in_place = bool(args) and output is args[0]
            if name in operations.SCALINGS:
                self._note_factor(node, name, args, random)
            elif name in {"where", "masked_fill", "masked_fill_"}:
                self._note_choice(node, name, args)
        if self._counts_macs and outputs[0].is_floating_point():
            macs = operations.multiply_accumulates(name, args, kwargs, outputs[0])
            self.nodes[-1].macs = macs

    def _write_base(self, output: torch.Tensor, node: Node, args: Sequence[Any]) -> None:
        """An operation that wrote into a view wrote into what it is a view of."""
        is_written = bool(args) and output is args[0]
        base = output._base if is_written and output._is_view() else None
        if base is None or base is output or id(base) in self.parameters:
            return
        known = self._known.get(id(base))
        before = [known.index] if isinstance(known, Node) and known.reference() is base else []
        self._add(base, "written", (*before, node.index), ())

    def _before(self, tensor: torch.Tensor, outputs: list[torch.Tensor]) -> Node | Constant:
        """What an argument was before the operation, also where it is the result itself."""
        known = self._known.get(id(tensor))
        if known is not None and known.reference() is tensor:
            if isinstance(known, Node) and known.version != version_of(tensor):
                return known if any(tensor is one for one in outputs) else self._lookup(tensor)
            return known
        if any(tensor is one for one in outputs) and not isinstance(tensor, torch.nn.Parameter):
            return Constant(weakref.ref(tensor))
        return self._lookup(tensor)

    def _record_constants(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any],
        outputs: Iterable[torch.Tensor], parameters: tuple[torch.Tensor, ...],
        random: torch.Tensor | None,
    ) -> None:  # fmt: skip
        before = self._constant(random)
        draws = name in operations.RANDOM or name in operations.DROPOUTS
        was_mask = before is not None and before.is_mask
        keeps_mask = name in operations.MASK_KEEPING or name in operations.COPIES
        makes_mask = name in operations.DROPOUTS or (
            name in operations.MASKING and (random is not None or draws)
        )
        has_number = any(type(argument) in (int, float) for argument in args)
        scales = name in operations.SCALINGS and has_number
        kept = operations.keep_probability(name, args, kwargs)
        if kept is None and before is not None:
            kept = before.keep
        for output in outputs:
            if id(output) in self.parameters:
                continue
            constant = Constant(weakref.ref(output), parameters, random is not None or draws)
            constant.is_mask = not parameters and (makes_mask or (was_mask and keeps_mask))
            was_scaled = before is not None and before.is_scaled
            constant.is_scaled = scales or was_scaled or name in operations.DROPOUTS
            constant.keep = kept
            self._keep(output, constant)

    def _constant(self, tensor: torch.Tensor | None) -> Constant | None:
        known = self._known.get(id(tensor)) if tensor is not None else None
        is_it = isinstance(known, Constant) and known.reference() is tensor
        return known if is_it and isinstance(known, Constant) else None

    def keep_probability(self, mask: torch.Tensor) -> float | None:
        """The probability that a value of a random mask is above 0, where that is known."""
        known = self._constant(mask)
        return known.keep if known is not None else None

    def is_scaled(self, mask: torch.Tensor) -> bool:
        """Whether a random mask makes up for its own zeros already."""
        known = self._constant(mask)
        return known is not None and known.is_scaled

    def _note_factor(
        self, node: Node, name: str, args: Sequence[Any], random: torch.Tensor | None
    ) -> None:
        """Remembers a number, or a random tensor with what it was multiplied with."""
        factors = [argument for argument in args if isinstance(argument, (int, float))]
        if factors and len(node.parents) == 1:
            scale = float(factors[0])
            node.scale = (1 / scale if scale else None) if name.startswith("div") else scale
        mask = self._constant(random)
        if random is None or mask is None or not mask.is_mask:
            return
        if not name.startswith("mul") or not is_mask_of(random, node.shape):
            return
        node.random = random
        node.factor_operand = next((i for i, a in enumerate(args) if a is random), -1)
        if not node.in_place:
            others = [a for a in args if isinstance(a, torch.Tensor) and a is not random]
            node.unscaled = others[0] if len(others) == 1 else None

    def _note_choice(self, node: Node, name: str, args: Sequence[Any]) -> None:
        """A drop mask that chooses: `where(keep, f, 0)`, `f.masked_fill(dropped, 0)`."""
        if len(args) < 3 or not isinstance(args[1 if name != "where" else 0], torch.Tensor):
            return
        chosen, other = (args[1], args[2]) if name == "where" else (args[0], args[2])
        mask = args[0] if name == "where" else args[1]
        known = self._constant(mask)
        is_zero = type(other) in (int, float) and other == 0
        if known is None or not known.is_mask or not is_zero or not is_mask_of(mask, node.shape):
            return
        node.random = mask if name == "where" else mask.logical_not()
        node.factor_operand = 0 if name == "where" else 1
        if isinstance(chosen, torch.Tensor) and not node.in_place:
            node.unscaled = chosen

    def _add(
        self, tensor: torch.Tensor, name: str, parents: tuple[int, ...],
        parameters: tuple[torch.Tensor, ...], *, is_map: bool = False,
    ) -> Node:  # fmt: skip
        ancestors = 0
        for parent in parents:
            ancestors |= self.nodes[parent].ancestors | 1 << parent
        index = len(self.nodes)
        node = Node(
            index, name, parents, ancestors, parameters, tuple(tensor.shape),
            self._stack[-1] if self._stack else -1, weakref.ref(tensor), version_of(tensor), is_map,
        )  # fmt: skip
        for parent in parents:
            self.nodes[parent].consumers.append(index)
        self.nodes.append(node)
        self._known[id(tensor)] = node
        if tensor.grad_fn is not None:
            self._functions[tensor.grad_fn] = index
        return node

    # Walks

    def source(self, index: int) -> int:
        """The node that a node is at last only a copy of; itself where it is none."""
        return list(self.copies(index))[-1]

    def copies(self, index: int) -> Iterator[int]:
        """A node and, going back, those that it is only a copy, view or conversion of.

        Not over a permutation: a permuted stream is another one.
        """
        node = self.nodes[index]
        yield index
        while node.operation in operations.COPIES and len(node.parents) == 1:
            node = self.nodes[node.parents[0]]
            yield node.index

    def between(self, end: int, starts: int) -> tuple[list[int], bool]:
        """The nodes that lead from `starts` (a bit mask) to a node, itself included, in order.

        Also whether something else leads there too: an input from outside.
        """
        found: set[int] = set()
        has_side_input = False
        waiting = [end]
        while waiting:
            index = waiting.pop()
            if starts >> index & 1 or index in found:
                continue
            node = self.nodes[index]
            if not node.ancestors & starts:
                has_side_input = True
                continue
            found.add(index)
            waiting += node.parents
        return sorted(found), has_side_input

    def release(self) -> None:
        """Lets go of the tensors that masked products held."""
        for node in self.nodes:
            node.unscaled = node.random = None
        self._functions.clear()


def version_of(tensor: torch.Tensor) -> int:
    """How often a tensor was written; tensors of inference mode do not count."""
    return 0 if tensor.is_inference() else tensor._version


def is_mask_of(factor: torch.Tensor, shape: tuple[int, ...]) -> bool:
    """Whether a factor has one value for each row, or one for all: the form of a drop mask."""
    if factor.numel() == 1:
        return True
    return factor.ndim == len(shape) and factor.numel() == factor.shape[0] == shape[0]


def tensors_in(value: Any, depth: int = 6) -> list[torch.Tensor]:
    """The tensors in nested tuples, lists, mappings and data classes."""
    found: list[torch.Tensor] = []
    _gather(value, depth, found)
    return found


def _arguments(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[torch.Tensor]:
    """The tensors that an operation is given, also in lists of lists of them."""
    found: list[torch.Tensor] = []
    for value in (*args, *kwargs.values()) if kwargs else args:
        if type(value) not in _LEAVES:  # a call saved for most arguments
            _gather(value, 3, found)
    return found


def _gather(value: Any, depth: int, found: list[torch.Tensor]) -> None:
    if type(value) in _LEAVES:
        return
    if isinstance(value, torch.Tensor):
        if not value.is_nested:  # which has no shape to speak of
            found.append(value)
    elif depth == 0:
        return
    elif isinstance(value, (tuple, list)):
        for part in value:
            _gather(part, depth - 1, found)
    elif isinstance(value, Mapping):
        for part in value.values():
            _gather(part, depth - 1, found)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            _gather(getattr(value, name, None), depth - 1, found)
