"""The journals of several ranks as they lie in a spool, read by the wire format's document."""

import dataclasses
import pathlib
import sys

from wire import whole_payloads

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))

import journals


@dataclasses.dataclass(frozen=True)
class RankFrame:
    """A measured step on one rank, with what tells it from any other."""

    attempt: str
    rank: int
    step: int
    wall_time: float
    loss: float


@dataclasses.dataclass
class RankJournal:
    """The journal of one process."""

    run: str
    attempt: str
    rank: int
    world_size: int
    first_step: int
    frames: list[RankFrame] = dataclasses.field(default_factory=list)
    has_completed: bool = False


def read(spool: pathlib.Path) -> tuple[list[RankJournal], dict[tuple[str, int], int]]:
    """The journals of a spool, wherever their segments lie, and by journal and number how many bytes
    of each segment are whole records."""
    found: dict[str, RankJournal] = {}
    lengths = {}
    paths = {path.name: path for path in spool.rglob("*.rpj")}
    for name, path in sorted(paths.items(), key=lambda item: int(item[0].split(".")[1])):
        journal, number, _ = name.split(".")
        payloads, lengths[journal, int(number)] = whole_payloads(path.read_bytes())
        for payload in payloads:
            ((kind, values),) = journals.fields(payload).items()
            record = journals.Record(kind, journals.fields(_data(values[0])))
            if kind == journals.RUN_OPENED:
                found.setdefault(journal, _opened(record))
            elif kind == journals.FRAME:
                own = found[journal]
                step, wall_time, loss = int(record.number(1)), record.number(2), record.number(3)
                own.frames.append(RankFrame(own.attempt, own.rank, step, wall_time, loss))
            elif kind == journals.ATTEMPT_FINISHED:
                found[journal].has_completed = record.number(1) == 0
    return list(found.values()), lengths


def _opened(record: journals.Record) -> RankJournal:
    run, attempt = (_data(record.fields[field][0]).hex() for field in (3, 4))
    first_step, rank, world_size = (int(record.number(field)) for field in (8, 9, 10))
    return RankJournal(run, attempt, rank, world_size, first_step)


def _data(value: float | bytes) -> bytes:
    assert isinstance(value, bytes)
    return value
