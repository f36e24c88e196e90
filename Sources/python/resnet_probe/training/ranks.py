"""Which of a training's processes this is, and the run that rank 0 names for all of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch

from resnet_probe.journal.run import random_identity
from resnet_probe.notices import Notices

#: How long a rank waits for rank 0 where it may. Unit: seconds.
PATIENCE = 10.0

#: What tells a process its rank and their number where no process group does: torchrun, SLURM, MPI.
_VARIABLES = (
    ("RANK", "WORLD_SIZE"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
)

#: Attaches of this process by the class of the network: the processes count alike.
_attaches: Counter[str] = Counter()


@dataclass(frozen=True, slots=True)
class Opening:
    """With what rank 0 opened its journal."""

    first_step: int
    blocks: str  # as `AgreedBlocks.told` writes them


class Ranks:
    """One attach, as the one of several that the processes of a training make.

    Rank 0 puts the run's and the attempt's identity, the step it counts from and the blocks it found
    into the key-value store of the process group; the others look there. That is no collective: a
    process that does not attach, or has died, keeps no other one waiting. Only notices raise here.

    Args:
        network: Attaches are told apart by its class and their number.
        given: The run's identity where the user gave one; rank 0's holds.
        notices: Where to say what goes wrong; lines of other ranks than 0 begin with the rank.
    """

    def __init__(self, network: torch.nn.Module, given: bytes | None, notices: Notices) -> None:
        self.rank = 0
        self.world_size = 1
        self.run = given or random_identity()
        self.attempt = random_identity()
        #: What rank 0 told beside the identity; None on rank 0, and until it is heard.
        self.opening: Opening | None = None
        self._given = given
        self._notices = notices
        self._is_in_group = False
        self._is_known = True
        name = type(network).__qualname__
        _attaches[name] += 1
        self._key = f"resnet-probe/{name}/{_attaches[name]}"
        self.join()

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, or the only process."""
        return self.rank == 0

    def join(self) -> None:
        """Takes its place in the process group, where there is one by now."""
        if self._is_in_group or not _has_group():
            return
        rank, world_size = torch.distributed.get_rank(), torch.distributed.get_world_size()
        if world_size <= 1 or rank < 0:
            return
        self._is_in_group = True
        self.rank, self.world_size = rank, world_size
        self._is_known = rank == 0
        if rank == 0:
            self._tell("identity", self.run.hex() + self.attempt.hex())
        else:
            self._notices.speaker = f"rank {rank}: "

    def open(self, opening: Opening) -> None:
        """Rank 0 opens its journal: tells the others with what."""
        if self._is_in_group and self.is_first:
            self._tell("opening", f"{opening.first_step} {opening.blocks}")

    def why_silent(self) -> str | None:
        """Why this process records nothing: it is one of several and no group says which run's."""
        if self._is_in_group or _has_group():
            return None
        stated = stated_rank(os.environ)
        if stated is None or stated[0] == 0:
            return None
        rank, variable = stated
        return (
            f"nothing is recorded here: {variable} is {rank}, and no process group says whose run"
            " this process is part of; call torch.distributed.init_process_group before the first"
            f" step, or unset {variable} where each process trains a network of its own"
        )

    def hear_identity(self, *, patience: float = 0.0) -> bool:
        """Looks whether rank 0 has attached; waits for that up to `patience` seconds."""
        if self._is_known:
            return True
        text = self._told("identity", patience)
        if text is None:
            return False
        identity = bytes.fromhex(text)
        self.run, self.attempt = identity[:16], identity[16:]
        self._is_known = True
        if self._given is not None and self._given != self.run:
            self._notices.say(
                "identity",
                f"the run's id is {self._given.hex()} here and {self.run.hex()} on rank 0, which"
                " holds",
            )
        return True

    def hear_opening(self, *, patience: float = 0.0) -> bool:
        """Looks whether rank 0 has opened its journal; waits for that up to `patience` seconds."""
        if self.is_first or self.opening is not None:
            return True
        text = self._told("opening", patience)
        if text is None or not self.hear_identity():
            return False
        first_step, _, blocks = text.partition(" ")
        self.opening = Opening(int(first_step), blocks)
        return True

    def _told(self, what: str, patience: float) -> str | None:
        name = f"{self._key}/{what}"
        try:
            store = _store()
            if patience > 0:
                store.wait([name], timedelta(seconds=patience))
            elif not store.check([name]):
                return None
            return str(store.get(name).decode())
        except Exception:  # the group is gone, or rank 0's host, or its store knows no such call
            return None

    def _tell(self, what: str, value: str) -> None:
        try:
            _store().set(f"{self._key}/{what}", value)
        except Exception as problem:
            words = " ".join(f"{type(problem).__name__}: {problem}".split())[:200]
            self._notices.say(
                "store",
                f"rank 0 cannot tell the others which run this is ({words}): they record nothing",
            )


def stated_rank(variables: Mapping[str, str]) -> tuple[int, str] | None:
    """The rank among several processes that the environment states, and the variable that does."""
    for rank, size in _VARIABLES:
        own, all_of_them = variables.get(rank, ""), variables.get(size, "")
        if own.isdecimal() and all_of_them.isdecimal():
            return (int(own), rank) if int(all_of_them) > 1 else None
    return None


def _has_group() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _store() -> Any:
    """The process group's store; asked for anew each time, as holding it would keep it open."""
    return torch.distributed.distributed_c10d._get_default_store()
