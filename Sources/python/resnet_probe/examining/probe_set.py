"""The probe set: rows of a user's batches, read once and kept on the CPU."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import hashlib
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from resnet_probe.examining.contents import take_in
from resnet_probe.notices import ProbeError
from resnet_probe.tracing.trace import tensors_in

#: What generators are set to while batches are read, so that a shuffled loader and random
#: augmentation give the same rows each time.
SEED = 0x5EED


@dataclass(slots=True)
class ProbeSet:
    """Batches on the CPU, and how many rows each has."""

    batches: list[Any] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    #: The same rows in the batches that they came in, where each is one of its own here.
    whole: ProbeSet | None = None

    @property
    def samples(self) -> int:
        """The rows of all batches."""
        return sum(self.rows)

    def row_by_row(self) -> ProbeSet:
        """The same rows, each a batch of its own."""
        parts = [
            rows_between(batch, rows, row, row + 1)
            for batch, rows in zip(self.batches, self.rows, strict=True)
            for row in range(rows)
        ]
        return ProbeSet(parts, [1] * len(parts), whole=self)

    def digest(self) -> bytes:
        """Follows from the content, bit for bit."""
        into = hashlib.sha256()
        for batch in self.batches:
            take_in(into, batch)
        return into.digest()


def read_probe_set(
    batches: Iterable[Any], samples: int, check: Callable[[], None] = lambda: None
) -> ProbeSet:
    """The first rows of some batches, as many as `samples`.

    Generators are seeded while it reads: the caller puts them back. `check` is called before each
    batch, and may raise.

    Raises:
        ProbeError: In one line, where there is nothing to read or reading failed.
    """
    found = ProbeSet()
    with _seeded(batches):
        for batch in _each(batches):
            check()
            rows = rows_of(batch)
            if rows == 0:
                continue
            wanted = min(rows, samples - found.samples)
            found.batches.append(mapped(batch, lambda t: _kept(t, rows, wanted)))  # noqa: B023
            found.rows.append(wanted)
            if found.samples >= samples:
                break
    if found.samples < 2:
        raise ProbeError.explain(
            "examine", f"{found.samples} samples", "an interval takes at least 2",
            "give batches= that hold rows",
        )  # fmt: skip
    return found


def rows_of(batch: Any) -> int:
    """The rows of a batch: the first size of its first tensor."""
    tensors = list(tensors_in(batch))
    first = next((tensor for tensor in tensors if tensor.ndim), None)
    if any(tensor.is_meta for tensor in tensors):
        raise ProbeError.explain(
            "examine", f"a batch of {type(batch).__name__}", "a tensor of it is on the meta device",
            "give batches that hold numbers",
        )  # fmt: skip
    if first is None:
        raise ProbeError.explain(
            "examine", f"a batch of {type(batch).__name__}", "it holds no tensor with rows",
            "give batches as the training loop has them",
        )  # fmt: skip
    return first.shape[0]


def mapped(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The same nested value with other tensors."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return _like(value, {key: mapped(value[key], change) for key in value})
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(part, change) for part in value))
    if isinstance(value, (tuple, list)):
        return type(value)(mapped(part, change) for part in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        return dataclasses.replace(value, **{k: mapped(v, change) for k, v in parts.items()})
    return value


def _like(value: Mapping[Any, Any], parts: dict[Any, Any]) -> Mapping[Any, Any]:
    """A mapping of the same type, whose entries may be attributes too; a dict where there is none."""
    if type(value) is dict:
        return parts
    twin: Any = copy.copy(value)
    try:
        for key, part in parts.items():
            twin[key] = part
    except Exception:
        return parts
    return twin  # type: ignore[no-any-return]


def rows_between(value: Any, rows: int, start: int, end: int) -> Any:
    """Some rows of a nested value: of tensors that have as many rows as the batch."""
    return mapped(value, lambda t: t[start:end] if t.ndim and t.shape[0] == rows else t)


def _kept(tensor: torch.Tensor, rows: int, wanted: int) -> torch.Tensor:
    tensor = tensor.detach()
    if wanted < rows and tensor.ndim and tensor.shape[0] == rows:
        tensor = tensor[:wanted]
    return tensor.to("cpu", copy=True)


def _each(batches: Iterable[Any]) -> Iterator[Any]:
    try:
        yield from batches
    except ProbeError:
        raise
    except Exception as problem:
        words = " ".join(f"{type(problem).__name__}: {problem}".split())[:200]
        raise ProbeError.explain(
            "read", "the probe set", f"batches raised {words}", "give batches that can be read"
        ) from problem


def seed_generators() -> None:
    """The same random numbers from here on; whoever calls puts the generators back.

    A device that is not in use yet is left alone: `torch.manual_seed` would seed it later on.
    """
    torch.default_generator.manual_seed(SEED)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(SEED)
    random.seed(SEED)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(SEED)


@contextlib.contextmanager
def _seeded(batches: Any) -> Iterator[None]:
    """The same random numbers for every reading, also of a loader's own generators.

    A loader with persistent workers keeps the iteration that is under way.
    """
    seed_generators()
    kept = [(own, own.get_state()) for own in _generators(batches)]
    for own, _ in kept:
        own.manual_seed(SEED)
    iteration = getattr(batches, "_iterator", None)
    if isinstance(batches, torch.utils.data.DataLoader) and iteration is not None:
        batches._iterator = None
    try:
        yield
    finally:
        for own, state in kept:
            own.set_state(state)
        if isinstance(batches, torch.utils.data.DataLoader) and iteration is not None:
            batches._iterator = iteration


def _generators(batches: Any) -> list[torch.Generator]:
    """The generators that a loader and its samplers draw from."""
    places: list[Any] = [batches]
    for place in places:
        places += [
            part
            for name in ("sampler", "batch_sampler")
            if (part := getattr(place, name, None)) is not None and len(places) < 10
        ]
    own = [getattr(place, "generator", None) for place in places]
    return list({id(one): one for one in own if isinstance(one, torch.Generator)}.values())
