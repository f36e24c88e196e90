"""Batch norm by a batch's own statistics in place of running averages: how much those lag."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_NAMES = ("running_mean", "running_var")


def normalizers_in(network: torch.nn.Module) -> list[torch.nn.Module]:
    """The modules that normalize by running averages in eval mode."""
    return [
        module
        for module in network.modules()
        if all(module._buffers.get(name) is not None for name in _NAMES)
    ]


@contextmanager
def by_batch_statistics(modules: list[torch.nn.Module]) -> Iterator[None]:
    """Takes the running averages away; batch norm in eval mode then does without, and writes none."""
    kept = [(module, name, module._buffers[name]) for module in modules for name in _NAMES]
    try:
        for module, name, _ in kept:
            module._buffers[name] = None
        yield
    finally:
        for module, name, buffer in kept:
            module._buffers[name] = buffer
