"""What `examine` needs of a training that is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch

from resnet_probe.blocks import BlockMap
from resnet_probe.journal.recording import Recording
from resnet_probe.notices import Notices
from resnet_probe.selection import Selector
from resnet_probe.settings import Settings
from resnet_probe.training.ranks import Ranks


class Examined(Protocol):
    """A training that can be examined."""

    @property
    def subject(self) -> Subject:
        """What there is to examine, as it is now."""

    def open(self, found: BlockMap | None) -> None:
        """Opens the run before it would by itself; `found` are its blocks where none are known."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A network between two steps, and where its records go."""

    network: torch.nn.Module
    blocks: BlockMap | None  # None: not found yet
    selector: Selector | None  # which of them the user chose
    settings: Settings
    notices: Notices
    ranks: Ranks
    step: int  # that comes next, or is under way
    recording: Recording | None
    is_finished: bool
    training_loss: float | None = None  # logged last

    @property
    def chosen(self) -> Mapping[str, str] | None:
        """A user's map of modules to kinds."""
        return self.selector if isinstance(self.selector, Mapping) else None
