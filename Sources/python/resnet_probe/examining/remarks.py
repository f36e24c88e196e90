"""What is said of the numbers of an examination, where they may not be what they seem."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from resnet_probe.examining.losses import RowLosses
from resnet_probe.examining.rounds import Rounds
from resnet_probe.examining.running_averages import normalizers_in
from resnet_probe.summary import first_names

#: How many times the loss by a batch's own statistics the one in eval mode is, where that is said.
_ABOVE_OWN = 1.5
#: How many times the loss in training it is, where a batch has too few rows for statistics.
_ABOVE_TRAINING = 2.0


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
    rounds: Rounds, network: torch.nn.Module, loss: float, training_loss: float | None
) -> str | None:
    """Where batch norm's running averages make another network of it than the one that trains."""
    so = "batch norm's running averages lag, and the ablations speak of that network"
    then = "examine after more steps"
    if rounds.lag is not None:
        by_averages, by_own = rounds.lag
        if not by_averages > _ABOVE_OWN * by_own >= 0:
            return None
        return (
            f"the loss of the first batch is {by_averages:.3g} in eval mode and {by_own:.3g} by the"
            f" batch's own statistics: {so}; {then}"
        )
    if not normalizers_in(network) or training_loss is None or rounds.errors.classes is None:
        return None
    chance = math.log(rounds.errors.classes)
    if not (loss > chance and loss > _ABOVE_TRAINING * training_loss >= 0):
        return None
    return (
        f"the loss is {loss:.3g} in eval mode, worse than chance ({chance:.3g}), and was"
        f" {training_loss:.3g} in training: perhaps {so}; {then}"
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
