"""How a network is called on a batch, and which part of the batch its output is compared with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from resnet_probe.examining.probe_set import mapped

#: How a user calls a network on a batch of his.
Forward = Callable[[torch.nn.Module, Any], Any]


def target_of(batch: Any) -> Any:
    """What an output is compared with: `labels` of a mapping, else the last of several parts.

    A mapping without labels, and a batch of one part, are compared with themselves.
    """
    if isinstance(batch, Mapping):
        return batch.get("labels", batch)
    if isinstance(batch, (tuple, list)) and len(batch) > 0:
        return batch[-1]
    return batch


def call_of(network: torch.nn.Module, forward: Forward | None, batch: Any) -> Callable[[], Any]:
    """The network's call on a batch."""
    if forward is not None:
        return lambda: forward(network, batch)
    args, kwargs = arguments_of(network, batch)
    return lambda: network(*args, **kwargs)


def arguments_of(network: torch.nn.Module, batch: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Keywords of a mapping, as far as the network takes them; else all parts but the last."""
    if isinstance(batch, Mapping):
        return (), _taken(network, batch)
    if not isinstance(batch, (tuple, list)):
        return (batch,), {}
    inputs = tuple(batch[:-1]) if len(batch) > 1 else tuple(batch)
    if len(inputs) == 1 and isinstance(inputs[0], Mapping):
        return (), _taken(network, inputs[0])
    if len(inputs) == 1 and isinstance(inputs[0], tuple):
        return inputs[0], {}
    return inputs, {}


def moved(batch: Any, network: torch.nn.Module) -> Any:
    """A copy of the batch where the network's parameters are; a forward may write into it."""
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    return mapped(batch, lambda tensor: tensor.to(device, copy=True))


def _taken(network: torch.nn.Module, batch: Mapping[Any, Any]) -> dict[str, Any]:
    """The entries that the network's forward has names for; all where it takes any."""
    try:
        parameters = inspect.signature(network.forward).parameters
    except (TypeError, ValueError):
        return dict(batch)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return dict(batch)
    return {key: batch[key] for key in batch if key in parameters}
