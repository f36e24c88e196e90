"""A client that brings the journals of a folder to a daemon, and believes only acknowledged offsets."""

import http.client
import pathlib
import random
import threading
import time

from client import LATER, Connection, Place, ask, uri
from waiting import Broken, expect, until


class Delivery(threading.Thread):
    """Delivers what a folder holds of one journal, over one connection, until it is told to end.

    After whatever befalls it goes on from the last acknowledged offset and never before it, unless
    the daemon says that it knows less (409) or that its store is another one: a byte that was
    acknowledged and is not in the store is lost, and the store's check finds it.

    With `asks_anew` it asks for every segment's offset once a connection was cut. Only so can it know
    that a store is an older copy: a copy keeps the store's identity, and where a new segment begins
    just then there is no 409.
    """

    def __init__(
        self, place: Place, folder: pathlib.Path, journal: str, seed: int,
        piece: int = 64 << 10, asks_anew: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(daemon=True)
        self.place, self.folder, self.journal, self.piece = place, folder, journal, piece
        self.dice = random.Random(seed)
        self.asks_anew = asks_anew
        self.acknowledged: dict[str, int] = {}
        self.store: object = None
        self.counts: dict[object, int] = {}
        self.failure: Broken | None = None
        self._is_ending = False

    def finish(self) -> None:
        """Waits until every byte is acknowledged."""
        self._is_ending = True
        until(lambda: not self.is_alive(), f"all is acknowledged; so far {self.counts}", 180)
        if self.failure:
            raise self.failure

    def run(self) -> None:
        connection = Connection(self.place)
        try:
            while True:
                is_last = self._is_ending
                waits = [path for path in self._segments() if self._lacks(path)]
                if not waits and is_last:
                    return
                for path in waits:
                    self._send(connection, path)
                time.sleep(0.005)
        except Broken as failure:
            self.failure = failure
        finally:
            connection.close()

    def _segments(self) -> list[pathlib.Path]:
        found = self.folder.glob(f"{self.journal}.*.rpj")
        return sorted(found, key=lambda path: int(path.name.split(".")[1]))

    def _lacks(self, path: pathlib.Path) -> bool:
        return self.acknowledged.get(path.name, 0) < path.stat().st_size

    def _send(self, connection: Connection, path: pathlib.Path) -> None:
        is_known = path.name in self.acknowledged or not self.asks_anew
        offset = self.acknowledged.get(path.name, 0)
        with open(path, "rb") as file:
            file.seek(offset)
            body = file.read(self.dice.randint(self.piece // 16, self.piece)) if is_known else b""
        try:
            answer = ask(connection, "POST", uri(path.name, offset), body)
        except (OSError, http.client.HTTPException):
            connection.close()
            if self.asks_anew:
                self.acknowledged.clear()
            self._count("died")
            time.sleep(0.02)
            return
        self._count(answer.status)
        if answer.status == 200:
            # It may be beyond this body's end: a longer one came through whose answer did not.
            expect(
                offset <= answer.offset <= path.stat().st_size,
                f"an acknowledged offset lies within what was sent: {answer.offset}",
            )
            if self.store not in (None, answer.body["store"]):
                self.acknowledged.clear()
            self.store = answer.body["store"]
            self.acknowledged[path.name] = answer.offset
        elif answer.status == 409:
            expect(answer.offset < offset, "409 names an offset before the one that was sent")
            self.acknowledged.clear()
        elif answer.status in LATER:
            time.sleep(0.1)
        else:
            raise Broken(f"a journal is answered with {answer.status}: {answer.body}")

    def _count(self, what: object) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
