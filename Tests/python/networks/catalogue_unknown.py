"""Rows of users' networks; the counts follow from their forwards, a block a line that adds."""

import torch

from .entry import Entry, Example, ids, images, rows, tokens
from .unknown import (
    EDSR,
    WAYS,
    BlockTwice,
    BranchesInLoop,
    Checkpointed,
    Conditioned,
    ConstantScale,
    CrossAttention,
    Dicts,
    FunctionalAdds,
    FunctionalEnd,
    GatedMLP,
    GRUNet,
    InlineTop,
    InnerResidual,
    InPlaceAdds,
    LayerScaleBlock,
    Parallel,
    PythonSum,
    ReZeroBlock,
    ScaledShortcut,
    TorchDecoder,
    TorchEncoder,
    Tuples,
    UNet,
    custom_function,
    repvgg,
    shake_shake,
    squeeze_excitation,
    weight_normed,
)


def _batch() -> Example:
    return Example(({"tokens": torch.randn(2, 5, 12)},))


def _two_sequences() -> Example:
    return Example((torch.randn(2, 5, 12), torch.randn(2, 7, 12)))


def _image_and_time() -> Example:
    return Example((torch.randn(2, 3, 8, 8), torch.rand(2)))


def _padded() -> Example:
    padding = torch.arange(6)[None, :] >= torch.tensor([[6], [4]])  # N x T
    return Example((torch.randn(2, 6, 12),), {"padding": padding})


UNKNOWN: tuple[Entry, ...] = (
    Entry("inline top", InlineTop, images(8), 3),
    Entry("functional adds", FunctionalAdds, rows(12), 5),
    # 0.5·x is not the tensor itself: the shortcut is a projection.
    Entry("scaled shortcut", ScaledShortcut, rows(12), 0, 2),
    Entry("in-place adds", InPlaceAdds, images(8), len(WAYS)),
    Entry("constant scale", ConstantScale, images(8), 3),
    # sum() begins with 0 + x: equal to x, though another tensor.
    Entry("python sum", PythonSum, rows(12), 2),
    Entry("ReZero", lambda: GatedMLP(ReZeroBlock), rows(6), 3),
    Entry("LayerScale", lambda: GatedMLP(LayerScaleBlock), tokens(5, 6), 3),
    Entry("functional end", FunctionalEnd, images(8), 4),
    # The summary's sum 0.5·s + 0.5·mean(x) holds no parameters and is none.
    Entry("tuples", Tuples, images(8), 3),
    Entry("dicts", Dicts, _batch, 3),
    Entry("block twice", BlockTwice, images(8), 3),
    Entry("branches in a loop", BranchesInLoop, rows(12), 4),
    # Three within the long skip's branch, and the long skip.
    # The long skip over the body is said, not measured: its branch is three blocks.
    Entry("EDSR", EDSR, images(8), 3),
    # A residual sum inside a block's branch is part of that branch.
    Entry("inner residual", InnerResidual, images(8), 2),
    # The skips are concatenated past whole halves of the network: no dense layers. No DoubleConv
    # has equal shapes, so each convolution that has: the second of the five.
    Entry("U-Net", UNet, images(16), plain=None, concat=None),
    # Interpolations, which look like projections and are read elsewhere: said, not measured.
    Entry("GRU", GRUNet, tokens(4, 12)),
    Entry("shake-shake", shake_shake, images(8), 2, 1),
    # Three of four blocks keep their shape.
    Entry("RepVGG", repvgg, images(8), plain=3),
    Entry("squeeze-excitation", squeeze_excitation, images(8), 2),
    Entry("weight norm", weight_normed, images(8), 2),
    Entry("custom function", custom_function, images(8), 2),
    Entry("conditioned", Conditioned, _image_and_time, 2, 1),
    Entry("checkpointed", lambda: Checkpointed(False), images(8), 3),
    Entry("checkpointed, reentrant", lambda: Checkpointed(True), images(8), 3),
    # Self, cross and MLP in each of two layers.
    Entry("cross-attention", CrossAttention, _two_sequences, 6),
    # One block a layer: the two branches share their norm, so neither is one alone.
    Entry("parallel branches", Parallel, ids(20, 6), 3),
    # (x + attention) + MLP: neither sum has the whole branch. Said, not measured.
    Entry("parallel branches, left to right", lambda: Parallel("stream first"), ids(20, 6)),
    Entry("torch encoder, post-norm", lambda: TorchEncoder(False), _padded, 4),
    Entry("torch encoder, pre-norm", lambda: TorchEncoder(True), _padded, 4),
    Entry("torch decoder", TorchDecoder, _two_sequences, 6),
)
"""All of them."""
