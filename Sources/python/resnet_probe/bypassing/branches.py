"""Which modules of a branch need not run: stand-ins for them give zeros, and the branch is zero."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from resnet_probe.bypassing.shortcuts import descendants_or_self
from resnet_probe.bypassing.stand_ins import (
    COPY,
    SAME,
    NoBranch,
    Path,
    Shortcut,
    Size,
    Zeros,
    settings_of,
)
from resnet_probe.bypassing.survey import Found, Given, Leaf, Survey, is_known, leaves_in
from resnet_probe.finding.graph import origin_of
from resnet_probe.tracing import operations

#: Operations that give zeros where they are given zeros alone.
_KEEPS_ZERO = (
    operations.COPIES | operations.PERMUTATIONS | operations.POOLINGS | operations.DROPOUTS
    | operations.RELUS
    | {"gelu", "silu", "mish", "elu", "elu_", "selu", "celu", "leaky_relu", "leaky_relu_",
       "hardswish", "relu6", "tanh", "tanh_", "softsign", "tanhshrink", "hardshrink", "softshrink",
       "__getitem__", "narrow", "select", "chunk", "split", "unbind", "roll", "flip", "repeat",
       "expand", "expand_as", "sum", "mean", "interpolate", "neg", "abs", "square", "masked_fill"}
)  # fmt: skip


class Branches:
    """The calls within the branches of some blocks that stand-ins can be made for.

    `replaced` are calls that run no more in any case.
    """

    def __init__(self, seen: Survey, wanted: Sequence[Found], replaced: Collection[int]) -> None:
        self._seen = seen
        self._gone: set[int] = set()  # nodes
        self._chained: set[int] = set()  # those of plain blocks without a module of their own
        for one in wanted:
            if one.block.site.is_chain:
                self._chained |= one.branch
            elif one.block.kind != "plain":
                self._gone |= one.branch
        self._replaced: set[int] = set()
        for index in replaced:
            self._replaced |= descendants_or_self(seen, index)
        self._calls = self._outermost(self._replaceable())

    def is_replaced(self, one: Found) -> bool:
        """Whether a block ends in a call that does not run any more."""
        return self._seen.trace.nodes[one.end].call in self._replaced

    def is_zero(self, one: Found) -> bool:
        """Whether a branch ends in zeros where stand-ins are; a chain, whether it does nothing."""
        trace = self._seen.trace
        covered = self._covered()
        if one.block.kind == "plain":
            return one.block.site.is_chain and all(
                node in covered or self._is_idle(node) for node in one.branch
            )
        zeros: set[int] = set()
        last = -1
        for index in sorted(one.branch):
            node = trace.nodes[index]
            last = max(last, index)
            given = [parent in zeros for parent in node.parents]
            is_sum = node.operation in {"add", "add_", "sub", *operations.CATS}
            if (
                index in covered
                or (node.operation in operations.SCALINGS and any(given))
                or (node.operation in _KEEPS_ZERO and all(given) and not node.parameters)
                or (is_sum and len(given) > 1 and all(given) and not node.parameters)
            ):
                zeros.add(index)
        return last in zeros

    def leave(self, one: Found) -> None:
        """Lets a branch run as it is written."""
        nodes = self._seen.trace.nodes
        around = {call for n in one.branch for call in self._seen.trace.calls_around(nodes[n].call)}
        touched = {id(self._seen.calls[call].module) for call in self._calls & around}
        self._calls = {c for c in self._calls if id(self._seen.calls[c].module) not in touched}

    def stand_ins(self) -> dict[str, NoBranch | Shortcut]:
        """A stand-in for each module, by the module's name."""
        made: dict[str, NoBranch | Shortcut] = {}
        for index in sorted(self._calls):
            given = self._seen.calls[index]
            name = self._seen.names[id(given.module)]
            if self._is_passing(index):
                is_written = any(
                    self._seen.is_written(leaf.node) for leaf in leaves_in(given.result)
                )
                made[name] = Shortcut((0, 0), (COPY,) if is_written else ())
            else:
                result = self._twin(given.result, given)
                made[name] = NoBranch(result, settings_of(given.module))
        return made

    # Which calls

    def _replaceable(self) -> set[int]:
        calls = self._seen.calls
        fit = {index for index in calls if self._is_replaceable(index)}
        whole = {
            id(calls[index].module)
            for index in fit
            if all(other in fit for other in self._seen.calls_of(calls[index].module))
        }
        return {index for index in fit if id(calls[index].module) in whole}

    def _is_replaceable(self, index: int) -> bool:
        trace, given = self._seen.trace, self._seen.calls[index]
        call = trace.calls[index]
        if index in self._replaced or call.parent < 0 or not is_known(given.result):
            return False
        if self._is_passing(index):
            return True
        leaves = leaves_in(given.result)
        if not any(leaf.node in self._gone for leaf in leaves):
            return False
        if not all(self._is_only_ours(leaf) and given.inputs for leaf in leaves):
            return False
        if call.first == call.end and not any(l.node in self._gone for _, l in given.inputs):
            return False  # gives on what is made elsewhere
        return self._gone.issuperset(self._seen.escaping(index))

    def _is_only_ours(self, leaf: Leaf) -> bool:
        """Whether a result is of a branch, or nothing comes of it."""
        if leaf.node < 0:
            return False  # a constant: who reads it is not known
        consumers = self._seen.trace.nodes[leaf.node].consumers
        return leaf.node in self._gone or not any(map(self._seen.is_live, consumers))

    def _is_passing(self, index: int) -> bool:
        """Whether a call is nothing but a part of a chain: it may give on what it is given."""
        call, given = self._seen.trace.calls[index], self._seen.calls[index]
        made = set(range(call.first, call.end))
        is_simple = given.others == 0 and [path for path, _ in given.inputs] == [(0, 0)]
        return is_simple and bool(made) and made <= self._chained

    def _outermost(self, calls: set[int]) -> set[int]:
        trace = self._seen.trace
        return {
            index
            for index in calls
            if not any(a in calls for a in trace.calls_around(trace.calls[index].parent))
        }

    def _covered(self) -> set[int]:
        """The nodes that stand-ins make."""
        trace = self._seen.trace
        return {
            node
            for index in self._calls
            for node in range(trace.calls[index].first, trace.calls[index].end)
        }

    def _is_idle(self, index: int) -> bool:
        """Whether an operation does nothing to the stream that a chain gives on: a second ReLU."""
        node = self._seen.trace.nodes[index]
        return node.operation in operations.RELUS and self._stream_is_positive(index)

    def _stream_is_positive(self, index: int) -> bool:
        trace = self._seen.trace
        node = trace.nodes[index]
        while node.index in self._chained and len(node.parents) == 1:
            node = trace.nodes[node.parents[0]]
        return origin_of(trace, node.index) in operations.RELUS

    # What they give

    def _twin(self, result: object, given: Given) -> object:
        if isinstance(result, Leaf):
            path, like = _base(result, given)
            return Zeros(
                path, _sizes(result.shape, like.shape),
                None if result.dtype == like.dtype else result.dtype,
                self._seen.is_written(result.node),
            )  # fmt: skip
        if isinstance(result, (tuple, list)):
            return type(result)(self._twin(part, given) for part in result)
        return result


def _base(leaf: Leaf, given: Given) -> tuple[Path, Leaf]:
    """The argument whose shape a result's follows from: the one that is likest to it."""
    return max(
        given.inputs,
        key=lambda pair: (
            len(pair[1].shape) == len(leaf.shape),
            sum(a == b for a, b in zip(pair[1].shape, leaf.shape, strict=False)),
            pair[1].dtype == leaf.dtype,
        ),
    )


def _sizes(shape: tuple[int, ...], like: tuple[int, ...]) -> tuple[Size, ...]:
    """A shape as `Zeros` has it. Images may come in other sizes: theirs follow by their ratio."""
    sizes: list[Size] = []
    for place, size in enumerate(shape):
        before = like[place] if place < len(like) else -1
        ratio = round(before / size) if size else 0
        is_size_of_image = place >= 2 and len(shape) == len(like) >= 4
        if before == size:
            sizes.append(SAME)
        elif is_size_of_image and size > 1 and ratio > 1 and -(-before // ratio) == size:
            sizes.append((1, ratio))
        elif is_size_of_image and before > 1 and size % before == 0:
            sizes.append((size // before, 1))
        else:
            sizes.append(size)
    return tuple(sizes)
