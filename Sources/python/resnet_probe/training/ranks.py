"""Which of a training's processes this is, and the run that rank 0 names for all of them."""

from __future__ import annotations

import os
import weakref
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import torch

from resnet_probe.journal.run import random_identity
from resnet_probe.notices import Notices
from resnet_probe.sharding import class_of

#: How long a rank waits for rank 0 where it may. Unit: seconds.
PATIENCE = 10.0

#: What tells a process its rank and their number where no process group does: torchrun, SLURM, MPI.
_VARIABLES = (
    ("RANK", "WORLD_SIZE"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
)

#: Attaches of this process in one process group by the class of the network: all ranks count alike.
_attaches: weakref.WeakKeyDictionary[Any, Counter[str]] = weakref.WeakKeyDictionary()


class Ranks:
    """One attach, as the one of several that the processes of a training make.

    Rank 0 puts the run's and the attempt's identity, the step it counts from and the blocks it found
    into the key-value store of the process group; the others look there. That is no collective: a
    process that does not attach, or has died, keeps no other one waiting. Only notices raise here.

    torchrun may keep the store when it restarts the processes, and with it what rank 0 told before.
    So what is recorded is asked for when a step has ended, which rank 0 took part in: by then it has
    told anew.

    Args:
        network: Attaches are told apart by its class and their number.
        given: The run's identity where the user gave one; rank 0's holds.
        notices: Where to say what goes wrong; lines of other ranks than 0 begin with the rank.
        group: The process group of the ranks that record one run; all of them by default.
    """

    def __init__(
        self, network: torch.nn.Module, given: bytes | None, notices: Notices, group: Any = None
    ) -> None:
        self.rank = 0
        self.world_size = 1
        self.run = given or random_identity()
        self.attempt = random_identity()
        self.shares_id = False  # whether it is the environment's, which all networks have
        self._given = given
        self._notices = notices
        self._is_in_group = False
        self._is_alone = False  # in a group of its own
        self._is_known = True
        self._name = class_of(network).__qualname__
        self._key = ""
        self._is_store_gone = False
        self.join(group)

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, or the only process."""
        return self.rank == 0

    def join(self, group: Any = None) -> None:
        """Takes its place in the process group, where there is one by now."""
        if self._is_in_group or self._is_alone or not _has_group():
            return
        self._is_alone = group is not None and torch.distributed.get_world_size(group) == 1
        group = group or torch.distributed.group.WORLD
        rank = torch.distributed.get_rank(group)
        world_size = torch.distributed.get_world_size(group)
        if world_size <= 1 or rank < 0:
            return
        self._is_in_group = True
        self.rank, self.world_size = rank, world_size
        self._is_known = rank == 0
        attaches = _attaches.setdefault(group, Counter())
        attaches[self._name] += 1
        first = torch.distributed.get_process_group_ranks(group)[0]
        self._key = f"resnet-probe/{first}+{world_size}/{self._name}/{attaches[self._name]}"
        if rank == 0:
            self._tell("identity", self._identity())
        else:
            self._notices.speaker = f"rank {rank}: "

    def begin(self, first_step: int) -> None:
        """The first training forward begins: rank 0 tells the others which step it is."""
        if self._is_in_group and self.is_first:
            self._tell("first step", str(first_step))

    def open(self, blocks: str) -> None:
        """Rank 0 opens its journal: tells the others with which blocks."""
        if self._is_in_group and self.is_first:
            self._tell("blocks", f"{self._identity()} {blocks}")

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

    def known_run(self) -> bytes:
        """The run's identity; other ranks than 0 wait for it, up to `PATIENCE`."""
        self.hear_identity(patience=PATIENCE)
        return self.run

    def hear_identity(self, *, patience: float = 0.0) -> bool:
        """Looks whether rank 0 has attached; waits for that up to `patience` seconds."""
        if self._is_known:
            return True
        text = self._told("identity", patience)
        if text is None:
            return False
        self._take(text)
        return True

    def hear_first_step(self) -> int | None:
        """The step that rank 0 counts from, where it has told."""
        text = self._told("first step", 0.0)
        return int(text) if text is not None else None

    def hear_blocks(self, *, patience: float = 0.0) -> str | None:
        """The blocks that rank 0 opened its journal with; waits up to `patience` seconds."""
        text = self._told("blocks", patience)
        if text is None:
            return None
        identity, _, blocks = text.partition(" ")
        self._take(identity)
        return blocks

    def _identity(self) -> str:
        return self.run.hex() + self.attempt.hex()

    def _take(self, text: str) -> None:
        identity = bytes.fromhex(text)
        self.run, self.attempt = identity[:16], identity[16:]
        self._is_known = True
        if self._given is not None and self._given != self.run:
            self._notices.say(
                "identity",
                f"the run's id is {self._given.hex()} here and {self.run.hex()} on rank 0, which"
                " holds",
            )

    def _told(self, what: str, patience: float) -> str | None:
        name = f"{self._key}/{what}"
        if self._is_store_gone:
            return None
        try:
            store = _store()
            if patience > 0:
                store.wait([name], timedelta(seconds=patience))
            elif not hasattr(store, "check"):  # before torch 2.2
                store.wait([name], timedelta(milliseconds=5))
            elif not store.check([name]):
                return None
            return str(store.get(name).decode())
        except Exception:  # the group is gone, or rank 0's host, or its store knows no such call
            # Asked again, torch would print a stack each time.
            self._is_store_gone = patience == 0
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
