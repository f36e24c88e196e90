"""What training goes on with stays what it was, bit for bit, while a network is examined."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from resnet_probe.finding.find import kept_randomness


@contextmanager
def kept_state(*modules: torch.nn.Module) -> Iterator[None]:
    """Eval mode without gradients; afterwards modes, buffers and generators are as before.

    Modes are set one by one: a network's own `train` may do more than that (merge adapters, say).
    Buffers are written back where their bits changed, unseen by a graph that waits for its
    backward pass. Casts of autocast are not kept for the training's own passes.
    """
    every = list(dict.fromkeys(part for module in modules for part in module.modules()))
    modes = [(module, module.training) for module in every]
    buffers = [
        (module, name, buffer, buffer.detach().clone())
        for module in every
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    caches = torch.is_autocast_cache_enabled()
    with kept_randomness():
        try:
            torch.set_autocast_cache_enabled(False)
            for module in every:
                module.training = False
            with torch.no_grad():
                yield
        finally:
            torch.set_autocast_cache_enabled(caches)
            for module, mode in modes:
                module.training = mode
            for module, name, buffer, before in buffers:
                _put_back(module, name, buffer, before)


def autocast_state(network: torch.nn.Module) -> str:
    """Which types autocast computes in where the network is."""
    device = next((p.device.type for p in network.parameters()), "cpu")
    try:
        is_on, kind = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    except TypeError:  # before torch 2.4
        is_on, kind = torch.is_autocast_enabled(), torch.get_autocast_gpu_dtype()
    except (RuntimeError, ValueError):  # a device without autocast
        return ""
    return str(kind) if is_on else ""


def _put_back(
    module: torch.nn.Module, name: str, buffer: torch.Tensor, before: torch.Tensor
) -> None:
    if module._buffers.get(name) is not buffer:
        module._buffers[name] = buffer
    if not same_bits(buffer, before):
        buffer.data.copy_(before)  # `data`: the count of writes that a graph checks stays


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors of one shape and type are equal bit for bit."""
    if not one.is_floating_point():
        return torch.equal(one, other)
    return torch.equal(_bits(one), _bits(other))


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)
