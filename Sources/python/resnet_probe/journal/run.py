"""What a run says of itself: its identities and the head of its journal."""

import hashlib
import os
import socket
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from resnet_probe.journal.limits import GREATEST_STEP, MAXIMUM_RANKS, MAXIMUM_TEXT_LENGTH
from resnet_probe.journal.redaction import flattened, redacted, shortened
from resnet_probe.journal.text import clipped
from resnet_probe.notices import Notices
from resnet_probe.release import VERSION


@dataclass(slots=True)
class RunOpened:
    """The head of every segment of a journal."""

    run: bytes
    """The run's identity, 16 bytes: the same again is a new attempt of the same run."""
    attempt: bytes
    """The attempt's identity, 16 bytes; all ranks of one start share it."""
    name: str
    """The run's label."""
    project: str = ""
    """The project; empty where none."""
    started_at: float = 0.0
    """When the attempt started. Unit: seconds since 1970."""
    first_step: int = 0
    """The attempt's first step; it supersedes earlier attempts from there on."""
    rank: int = 0
    """This process among the run's, from 0."""
    world_size: int = 1
    """The number of processes."""
    planned_steps: int | None = None
    """The steps planned, counted from step 0, where known."""
    recorder: str = ""
    """The framework and the recorder with their versions."""
    host: str = ""
    """The host's name."""
    config: dict[str, str] = field(default_factory=dict)
    """The configuration, flat, redacted and within a journal's limits."""


def random_identity() -> bytes:
    """Sixteen random bytes."""
    return os.urandom(16)


def identity(value: object) -> bytes:
    """The sixteen bytes of an identity: a UUID, or 32 hexadecimal digits with or without dashes.

    Raises:
        ValueError: For anything else, in one line.
    """
    if isinstance(value, uuid.UUID):
        return value.bytes
    if isinstance(value, str):
        digits = value.replace("-", "")
        if len(digits) == 32 and all(digit in "0123456789abcdefABCDEF" for digit in digits):
            return bytes.fromhex(digits)
    raise ValueError(f"{value!r:.80} is no identity: give a uuid.UUID or 32 hexadecimal digits")


def identity_beside(one: bytes, place: str) -> bytes:
    """An identity that follows from another and a place beside it: always the same."""
    return hashlib.sha256(one + place.encode()).digest()[:16]


def recorder_words() -> str:
    """The framework and this package with their versions, as they stand in a journal."""
    import torch

    return f"torch {torch.__version__}; resnet-probe {VERSION}"


def open_run(
    name: str,
    notices: Notices,
    *,
    project: str = "",
    run: bytes | None = None,
    attempt: bytes | None = None,
    config: object = None,
    recipe: Mapping[str, str] | None = None,
    first_step: int = 0,
    planned_steps: int | None = None,
    rank: int = 0,
    world_size: int = 1,
) -> RunOpened:
    """The head of a journal that starts now on this machine.

    Random identities where none are given, which fits a run of one process. What no journal can
    carry is cut or replaced by the default, with one notice: texts over 512 bytes, steps and
    ranks that cannot be, a configuration over its limits. Secrets are taken out of ``config``, a
    mapping, namespace or dataclass, however nested. Of ``recipe``, which nobody wrote, what
    ``config`` does not say is added, as far as it fits.

    Raises:
        ProbeError: In place of a notice, where notices are strict.
    """
    if world_size not in range(1, MAXIMUM_RANKS + 1) or rank not in range(world_size):
        notices.say("rank", f"rank {rank} of {world_size} cannot be; recorded as rank 0 of 1")
        rank, world_size = 0, 1
    if first_step not in range(GREATEST_STEP + 1):
        notices.say("first step", f"a first step of {first_step} cannot be; recorded as 0")
        first_step = 0
    if planned_steps is not None and planned_steps not in range(GREATEST_STEP + 1):
        notices.say("planned steps", f"{planned_steps} planned steps cannot be; recorded as none")
        planned_steps = None
    entries, cut = shortened(redacted(flattened({} if config is None else config)))
    if cut is not None:
        notices.say("configuration", cut)
    if recipe:
        more, over = shortened(entries | redacted(_added(entries, recipe)))
        entries = more if over is None else entries
    return RunOpened(
        run=run or random_identity(),
        attempt=attempt or random_identity(),
        name=_short(name, "name", notices),
        project=_short(project, "project", notices),
        started_at=time.time(),
        first_step=int(first_step),
        rank=int(rank),
        world_size=int(world_size),
        planned_steps=None if planned_steps is None else int(planned_steps),
        recorder=recorder_words(),
        host=_host(),
        config=entries,
    )


def _added(config: Mapping[str, str], recipe: Mapping[str, str]) -> list[tuple[str, str]]:
    """The entries of a recipe under keys that a configuration has not."""
    return [(key, value) for key, value in recipe.items() if key not in config]


def _short(text: str, what: str, notices: Notices) -> str:
    short = clipped(str(text), MAXIMUM_TEXT_LENGTH)
    if len(short) < len(str(text)):
        notices.say(f"long {what}", f"the run's {what} is over 512 bytes and was cut")
    return short


def _host() -> str:
    try:
        return socket.gethostname()
    except OSError:
        return ""
