"""What is said of the numbers of an examination, where they may not be what they seem."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from resnet_probe.examining.losses import RowErrors, RowLosses
from resnet_probe.summary import first_names

#: How many times the loss in training the one in eval mode is, from which on that is said.
_FAR_ABOVE = 2.0


def of_padding(losses: RowLosses) -> str | None:
    """Where a loss averages what is padding."""
    share = losses.counts_padding
    if share is None:
        return None
    return (
        f"{share:.0%} of the loss's values are exactly 0 where targets hold padding (-100), and are"
        " averaged in: have loss_fn return the mean over what counts"
    )


def of_lagging(
    network: torch.nn.Module, loss: float, training_loss: float | None, errors: RowErrors
) -> str | None:
    """Where a network with batch norm guesses worse than chance in eval mode, but not in training."""
    has_averages = any(
        getattr(module, "running_mean", None) is not None for module in network.modules()
    )
    if not has_averages or training_loss is None or errors.classes is None:
        return None
    chance = math.log(errors.classes)
    if not (loss > chance and loss > _FAR_ABOVE * training_loss >= 0):
        return None
    return (
        f"the loss is {loss:.3g} in eval mode, worse than chance ({chance:.3g}), and was"
        f" {training_loss:.3g} in training: batch norm's running averages may lag, and the"
        " ablations speak of that network; examine after more steps"
    )


def of_written(names: Sequence[str]) -> str | None:
    """Where a forward in eval mode wrote parameters."""
    if not names:
        return None
    which = "a parameter" if len(names) == 1 else f"{len(names)} parameters"
    return (
        f"its forward in eval mode wrote {which} ({first_names(list(names))}): what they were is"
        " put back, and the numbers are those of what was written"
    )
