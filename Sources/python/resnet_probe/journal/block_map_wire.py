"""The block map as a protobuf message."""

import unicodedata
from collections.abc import Sequence
from typing import Protocol

from resnet_probe.journal.limits import (
    MAXIMUM_BLOCKS,
    MAXIMUM_DIMENSIONS,
    MAXIMUM_TEXT_LENGTH,
    believable_step,
)
from resnet_probe.journal.protobuf import delimited, double, integer, packed, text
from resnet_probe.journal.text import clipped

_KINDS = ("residual", "plain", "concat")
_SHORTCUTS = ("identity", "projection", "none")
_SAMPLE_AXES = ("row", "token")
_ACTIVATIONS = ("identity", "relu")


class MappedBlock(Protocol):
    """What a journal keeps of a block; see WireFormat.md, "BlockMap"."""

    @property
    def ordinal(self) -> int:
        """The place in the network, from 0."""

    @property
    def name(self) -> str:
        """The module path."""

    @property
    def kind(self) -> str:
        """ "residual", "plain" or "concat"."""

    @property
    def shortcut(self) -> str:
        """ "identity", "projection" or "none"."""

    @property
    def stage(self) -> int:
        """The number of the maximal run of blocks whose stream has one shape."""

    @property
    def sample_axis(self) -> str:
        """ "row" or "token"."""

    @property
    def activation(self) -> str:
        """Right after the add: "identity" or "relu"."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the stream without its sample axis; empty where unknown."""

    @property
    def parameters(self) -> int | None:
        """Trained parameters of the branch, where known."""

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates of the branch for one sample, where known."""

    @property
    def gate(self) -> str | None:
        """Module path of what scales the branch, where there is one."""

    @property
    def drop_probability(self) -> float | None:
        """That of stochastic depth, where it is used."""


def block_map(blocks: Sequence[MappedBlock]) -> bytes:
    """The message of the whole map.

    Blocks beyond 16,384 are left out, a shape of over 8 dimensions becomes unknown, a
    probability outside 0 … 1 too; names are made as :func:`block_names` says.

    Raises:
        ValueError: For ordinals that are not 0, 1, 2 …, a word that is none of a block's, or a
            kind with a shortcut that it cannot have.
    """
    blocks = blocks[:MAXIMUM_BLOCKS]
    names = block_names([block.name for block in blocks])
    for place, block in enumerate(blocks):
        if block.ordinal != place:
            raise ValueError(f"block {place} says that it is block {block.ordinal}")
        if block.kind == "residual" and block.shortcut == "none":
            raise ValueError(f"residual block {place} has no shortcut")
        if block.kind == "plain" and block.shortcut != "none":
            raise ValueError(f"plain block {place} has a shortcut")
    return b"".join(
        delimited(1, _block(block, name)) for block, name in zip(blocks, names, strict=True)
    )


def block_names(names: Sequence[str]) -> list[str]:
    """The names as a journal takes them: 1 to 512 bytes of UTF-8, no two alike.

    An empty one (a network that is one block itself) becomes "(network)"; a long one is cut; one
    that is there already, also in another Unicode form, gets "~" and its ordinal at its end.
    """
    seen: set[str] = set()
    result: list[str] = []
    for ordinal, name in enumerate(names):
        short = clipped(name, MAXIMUM_TEXT_LENGTH) or "(network)"
        end = ""
        while unicodedata.normalize("NFC", short + end) in seen:
            end += f"~{ordinal}"
            short = clipped(name, MAXIMUM_TEXT_LENGTH - len(end)) or "(network)"
        seen.add(unicodedata.normalize("NFC", short + end))
        result.append(short + end)
    return result


def _block(block: MappedBlock, name: str) -> bytes:
    shape = [believable_step(size) for size in block.shape]
    body = integer(1, block.ordinal) + text(2, name)
    body += integer(3, _number(_KINDS, block.kind))
    body += integer(4, _number(_SHORTCUTS, block.shortcut))
    body += integer(5, min(max(0, block.stage), 0xFFFF_FFFF))
    body += integer(6, _number(_SAMPLE_AXES, block.sample_axis))
    body += integer(7, _number(_ACTIVATIONS, block.activation))
    body += packed(8, shape if len(shape) <= MAXIMUM_DIMENSIONS else [])
    if block.parameters is not None:
        body += integer(9, believable_step(block.parameters), always=True)
    if block.macs is not None:
        body += integer(10, believable_step(block.macs), always=True)
    if block.gate is not None:
        body += text(11, clipped(block.gate, MAXIMUM_TEXT_LENGTH), always=True)
    if block.drop_probability is not None and 0 <= block.drop_probability <= 1:
        body += double(12, block.drop_probability, always=True)
    return body


def _number(words: tuple[str, ...], word: str) -> int:
    if word not in words:
        raise ValueError(f"{word!r} is none of {', '.join(words)}")
    return words.index(word)
