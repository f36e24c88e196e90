"""The blocks of a network as values, and the map of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from resnet_probe.tracing.places import Place

#: The most places that one remark below the table names.
MOST_PLACES = 4


@dataclass(frozen=True, slots=True)
class Operands:
    """Which arguments of a block's operations are what, where no trace can tell."""

    branch: int = -1  # of the join; of a concatenation the part that is new
    mask: int = -1  # of the product with the drop mask
    is_mask_inverted: bool = False  # true where the branch is dropped
    mask_scale: float = 1.0  # what stands beside the mask and makes up for it
    alpha: float = 1.0  # what the join multiplies the branch with
    fork: int = -1  # which argument of the owner's call is the stream
    is_fork_whole: bool = True  # the stream is not overwritten before the join
    is_fork_added: bool = False  # the shortcut is the stream itself, and no view of it
    samples: int = 0  # of the branch, where the block was found
    inputs: int = 0  # elements of the network's inputs there


@dataclass(frozen=True, slots=True)
class Site:
    """Where a block is measured: what the recorder needs beside what a user reads."""

    owner: str  # name of the module in whose forward the block is; "" is the network itself
    parameters: tuple[str, ...]  # of the branch, in the order of use: how the block is recognised
    occurrence: int = 0  # the how manieth use of these parameters in one forward
    is_chain: bool = False  # of a plain block: a convolution or linear with norm and activation
    keeps_branch: bool = False  # F must be kept for the backward, as h is overwritten
    has_other_readers: bool = (
        False  # the stream goes elsewhere too: its gradient is not the block's
    )
    maps: tuple[str, ...] = ()  # parameters of the branch's maps alone
    stream_elements: int = 0  # of the stream for one row of the batch
    last_map: tuple[str, ...] = ()  # parameters whose <θ, ∂θ> is the sum of <g, F>
    places: tuple[Place, ...] = ()  # in the calls around the block, the network's own last
    operands: Operands = field(default_factory=lambda: Operands())


@dataclass(frozen=True, slots=True)
class Block:
    """One residual block, or its stand-in in a plain or dense network.

    A residual block computes y = φ(s(x) + F(x)); of a plain one F := y − x; a dense one joins new
    maps F(x) to the reused ones x.
    """

    #: Place in the network, from 0, in the order of the forward pass.
    ordinal: int
    #: Module path, unique in the network; a module used twice has `@2` after its name.
    name: str
    #: "residual", "plain" or "concat".
    kind: str = "residual"
    #: "identity", "projection" (anything but the stream itself) or "none".
    shortcut: str = "identity"
    #: Number of the maximal run of blocks whose stream has one size, in whatever layout (of dense
    #: blocks: one resolution), from 0.
    stage: int = 0
    #: What one sample is: "row" of the batch or "token".
    sample_axis: str = "row"
    #: Elementwise activation right after the sum: "identity" (none) or "relu".
    activation: str = "identity"
    #: Shape of the stream x of one sample, without its sample axes.
    shape: tuple[int, ...] = ()
    #: Shape of the branch F of one sample.
    branch_shape: tuple[int, ...] = ()
    #: Parameters of the branch.
    parameters: int | None = None
    #: Multiply-accumulates of the branch for one sample.
    macs: int | None = None
    #: Name of the parameter that scales the branch: of a LayerScale, a ReZero α, the last norm.
    gate: str | None = None
    #: Probability that stochastic depth drops the branch.
    drop_probability: float | None = None
    #: How the block was found: "graph", "module", "registry", "user" or "inferred".
    found: str = "graph"
    #: For the recorder.
    site: Site = field(default_factory=lambda: Site("", ()), compare=False, repr=False)


def renumbered(blocks: Iterable[Block]) -> list[Block]:
    """Blocks in order with ordinals from 0 and stages: maximal runs of one shape of the stream."""
    made: list[Block] = []
    stage = -1
    for ordinal, block in enumerate(blocks):
        stage += not made or _resolution(block) != _resolution(made[-1])
        made.append(replace(block, ordinal=ordinal, stage=stage))
    return made


def _resolution(block: Block) -> tuple[int, ...]:
    """What one stage has in common: the stream's size for one row, in whatever layout.

    Of dense blocks the shape without the channels, which grow with every block.
    """
    if block.kind == "concat":
        return block.shape[1:]
    return (block.site.stream_elements,) if block.site.stream_elements else block.shape


class BlockMap:
    """The blocks of a network in the order of its forward pass; prints as a table.

    `remarks` say in a sentence each what looked like a block and was not taken, and why.
    """

    def __init__(self, blocks: Iterable[Block] = (), remarks: Iterable[str] = ()) -> None:
        self._blocks = tuple(blocks)
        self.remarks = tuple(remarks)

    def __iter__(self) -> Iterator[Block]:
        return iter(self._blocks)

    def __len__(self) -> int:
        return len(self._blocks)

    def __getitem__(self, ordinal: int) -> Block:
        return self._blocks[ordinal]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlockMap) and self._blocks == other._blocks

    def __hash__(self) -> int:
        return hash(self._blocks)

    def count(self, kind: str, shortcut: str | None = None) -> int:
        """The number of blocks of a kind, and of a shortcut where one is given."""
        return sum(b.kind == kind and shortcut in (None, b.shortcut) for b in self._blocks)

    def summary(self) -> str:
        """How many blocks of which kind, in words."""
        kinds = [
            (self.count("residual", "identity"), "residual, identity shortcut"),
            (self.count("residual", "projection"), "residual, projection shortcut"),
            (self.count("concat"), "concat"),
            (self.count("plain"), "plain"),
        ]
        parts = [f"{number} {words}" for number, words in kinds if number]
        blocks = f"{len(self)} block{'s' * (len(self) != 1)}"
        return f"{blocks}: {'; '.join(parts)}" if parts else "no blocks"

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("#", "block", "kind", "shortcut", "stage", "stream", "parameters", "MACs",
                 "gate", "drop", "found")]  # fmt: skip
        rows += [_row(block) for block in self._blocks]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        right = {0, 4, 6, 7, 9}
        lines = [
            "  ".join(
                cell.rjust(width) if column in right else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        lines.insert(1, "  ".join("─" * width for width in widths))
        table = [self.summary(), "", *lines] if self._blocks else [self.summary()]
        return "\n".join([*table, *_grouped(self.remarks)])

    __repr__ = __str__


def _grouped(remarks: Iterable[str]) -> list[str]:
    """One line for each thing that is remarked, with the first places of it."""
    places: dict[str, list[str]] = {}
    for remark in remarks:
        place, _, words = remark.partition(": ")
        places.setdefault(words, []).append(place)
    lines = []
    for words, found in places.items():
        known = list(dict.fromkeys(found))
        more = len(known) - MOST_PLACES
        shown = ", ".join(known[:MOST_PLACES]) + (f" and {more} more" if more > 0 else "")
        lines.append(f"! {shown}: {words}")
    return lines


def _row(block: Block) -> tuple[str, ...]:
    kind = block.kind + (" + ReLU" if block.activation == "relu" else "")
    return (
        str(block.ordinal),
        block.name,
        kind,
        block.shortcut,
        str(block.stage),
        "×".join(map(str, block.shape)) + (" a token" if block.sample_axis == "token" else ""),
        _short(block.parameters),
        _short(block.macs),
        block.gate or "",
        "" if block.drop_probability is None else f"{block.drop_probability:.3g}",
        block.found,
    )


def _short(number: int | None) -> str:
    if number is None:
        return ""
    for power, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= power:
            return f"{number / power:.3g} {letter}"
    return str(number)
