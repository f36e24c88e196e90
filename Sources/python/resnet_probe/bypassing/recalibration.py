"""Running statistics of batch norm estimated anew, for a network that lost blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from resnet_probe.bypassing.shown import shown_problem
from resnet_probe.examining.calling import arguments_of, moved
from resnet_probe.finding.find import kept_randomness
from resnet_probe.notices import ProbeError


def batch_norms_in(network: torch.nn.Module) -> list[torch.nn.modules.batchnorm._BatchNorm]:
    """The batch norms that keep running statistics."""
    return [
        module
        for module in network.modules()
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
        and module.running_mean is not None
    ]


def recalibrated(network: torch.nn.Module, batches: Iterator[Any]) -> int:
    """Gives batch norms the mean of the statistics of some batches; how many batches there were.

    They alone are in training mode meanwhile. Nothing is trained, no generator moves on.

    Raises:
        ProbeError: Where there is no batch, or the network does not run on one.
    """
    norms = batch_norms_in(network)
    count = 0
    with kept_randomness(), torch.no_grad(), _gathering(network, norms):
        for batch in batches:
            args, kwargs = arguments_of(network, moved(batch, network))
            try:
                network(*args, **kwargs)
            except Exception as problem:
                words = shown_problem(problem)
                raise ProbeError.explain(
                    "recalibrate", type(network).__name__, f"its forward raised {words}",
                    "give batches as the training loop has them",
                ) from problem  # fmt: skip
            count += 1
    if count == 0:
        raise ProbeError.explain(
            "recalibrate",
            type(network).__name__,
            "there is no batch",
            "give batches that hold rows",
        )
    return count


@contextmanager
def _gathering(
    network: torch.nn.Module, norms: list[torch.nn.modules.batchnorm._BatchNorm]
) -> Iterator[None]:
    modes = [(module, module.training) for module in network.modules()]
    momenta = [(norm, norm.momentum) for norm in norms]
    try:
        for module, _ in modes:
            module.training = False
        for norm in norms:
            norm.training = True
            norm.momentum = None  # the mean over batches, each counting alike
            norm.reset_running_stats()
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for norm, momentum in momenta:
            norm.momentum = momentum
