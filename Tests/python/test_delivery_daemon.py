"""Delivery to the daemon itself: at its Unix socket, and over the network with TLS and tokens."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest
import resnet_probe

from journals import ROOT
from processes import binary, command
from recorded import train_step
from spooled import Driven, Spooled
from test_delivery_thread import training

CERTIFICATES = ROOT / "Tests" / "Support" / "tls"


class Daemon:
    """`resnet-probe serve` on a store of the test's own, started again where it was killed."""

    def __init__(self, folder: pathlib.Path, *options: str | pathlib.Path) -> None:
        self.store = folder / "store.sqlite"
        self.socket = folder / "socket"
        self._options = options
        self.start()

    def start(self) -> None:
        own = {name: value for name, value in os.environ.items() if "RESNET_PROBE" not in name}
        self.process = subprocess.Popen(
            [binary(), "serve", "--store", self.store, "--socket", self.socket, *self._options],
            stderr=subprocess.PIPE,
            text=True,
            env=own,
        )
        self.log_until("serving ")

    def log_until(self, words: str) -> str:
        """The next line of its log that holds these words."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if words in line:
                return line
        raise AssertionError(f"it ended before it said {words!r}")

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.communicate(timeout=60)

    def __enter__(self) -> "Daemon":  # noqa: PYI034  (typing.Self is of Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGTERM)


def rows(store: pathlib.Path, sql: str) -> list[dict[str, object]]:
    found = json.loads(command("query", sql, "--json", "--store", store))
    assert isinstance(found, list)
    return found


def train(steps: int = 20) -> str:
    """Trains with a probe attached; the run's identity."""
    network, optimizer, example = training()
    with resnet_probe.attach(network, optimizer, every=1, run="remote") as probe:
        for _ in range(steps):
            train_step(network, optimizer, example)
    return probe.run


def remove_store(folder: pathlib.Path) -> None:
    for path in folder.glob("store.sqlite*"):
        if path.is_file():
            path.unlink()


FRAMES = "SELECT count(*) AS frames, min(step) AS first, max(step) AS last FROM frame"


def test_a_training_is_in_the_store_of_a_daemon_when_it_ends(
    spool: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Daemon(tmp_path) as daemon:
        monkeypatch.setenv("RESNET_PROBE_URL", f"unix://{daemon.socket}")
        run = train()
        (listed,) = json.loads(command("runs", "--json", "--store", daemon.store))
        assert str(listed["uuid"]).replace("-", "") == run
        assert (listed["status"], listed["frames"]) == ("completed", 20)
    assert len(Spooled(spool).files("delivered")) == 1
    assert Spooled(spool).files() == set()


def test_whatever_becomes_of_the_daemon_every_frame_is_there_once(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """Killed, replaced by an empty store, and restored from a copy."""
    with Daemon(tmp_path) as daemon:
        url = f"unix://{daemon.socket}"
        train()  # without a destination: it waits in the spool
        with Driven(spool, url) as driven:
            driven.run()
            daemon.stop()
            copy = tmp_path / "copy.sqlite"
            for suffix in ("", "-wal"):
                if pathlib.Path(f"{daemon.store}{suffix}").exists():
                    shutil.copy(f"{daemon.store}{suffix}", f"{copy}{suffix}")
            train()
            daemon.start()
            driven.run()
            assert rows(daemon.store, FRAMES) == [{"frames": 40, "first": 0, "last": 19}]
            daemon.stop()
            remove_store(tmp_path)
            daemon.start()
            train()
            driven.run()
            assert rows(daemon.store, FRAMES) == [{"frames": 60, "first": 0, "last": 19}]
            daemon.stop()
            remove_store(tmp_path)
            for path in tmp_path.glob("copy.sqlite*"):
                shutil.copy(path, tmp_path / path.name.replace("copy", "store"))
            daemon.start()
            assert rows(daemon.store, FRAMES) == [{"frames": 20, "first": 0, "last": 19}]
            train()
            driven.run()
        assert rows(daemon.store, FRAMES) == [{"frames": 80, "first": 0, "last": 19}]
        assert rows(daemon.store, "SELECT sum(rejected_records) AS n FROM journal") == [{"n": 0}]
    assert Spooled(spool).files() == set()
    assert len(Spooled(spool).files("delivered")) == 4


def test_a_segment_that_the_daemon_refuses_is_set_aside(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    train()
    train()
    damaged, whole = (spool / name for name in sorted(Spooled(spool).files()))
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    with Daemon(tmp_path) as daemon, Driven(spool, f"unix://{daemon.socket}") as driven:
        driven.run()
        (remark,) = driven.remarks
    assert f"refused segment {damaged.name.removesuffix('.rpj')} after byte " in remark.message
    assert Spooled(spool).files() == {f"{damaged.name}.damaged"}
    assert Spooled(spool).files("delivered") == {whole.name}


@pytest.fixture
def network_options(tmp_path: pathlib.Path) -> list[str | pathlib.Path]:
    """What a daemon on the network is started with; skipped where this command knows no network."""
    shown = subprocess.run(
        [binary(), "serve", "--help"], capture_output=True, text=True, check=True
    )
    if "--listen" not in shown.stdout:
        pytest.skip(f"{binary()} does not listen on the network")
    key = tmp_path / "key.pem"
    shutil.copy(CERTIFICATES / "server-key.pem", key)
    key.chmod(0o600)
    tokens = tmp_path / "tokens"
    tokens.touch(mode=0o600)
    certificate = CERTIFICATES / "server.pem"
    listen = ["--listen", "127.0.0.1:0", "--token-file", tokens]
    return [*listen, "--tls-certificate", certificate, "--tls-key", key]


def new_token(tokens: pathlib.Path, scope: str = "write") -> str:
    printed = command("token", "new", "--file", tokens, "--scope", scope)
    (token,) = re.findall(r"rp_[wr]_[A-Za-z0-9_-]{43}", printed)
    return str(token)


def test_over_tls_with_a_token_a_training_arrives_and_without_one_it_waits(
    spool: pathlib.Path,
    tmp_path: pathlib.Path,
    network_options: list[str | pathlib.Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokens = tmp_path / "tokens"
    read_only, token = new_token(tokens, "read"), new_token(tokens)
    authority = str(CERTIFICATES / "authority.pem")
    train(3)
    with Daemon(tmp_path, *network_options) as daemon:
        status = command("status", "--json", "--store", daemon.store, "--socket", daemon.socket)
        url = str(json.loads(status)[0]["url"])

        def refusal(secret: str) -> str:
            own = {"RESNET_PROBE_TOKEN": secret, "RESNET_PROBE_CA": authority}
            with Driven(spool, url, **own) as driven:
                assert driven.deliverer.step()
                (remark,) = driven.remarks
            assert rows(daemon.store, FRAMES)[0]["frames"] == frames
            return remark.message

        frames = 0
        for wrong in ("", "rp_w_" + "z" * 43):
            assert f"nothing is delivered to {url}: it wants another token (401" in refusal(wrong)
        assert "the token may not send journals (403" in refusal(read_only)
        monkeypatch.setenv("RESNET_PROBE_URL", url)
        monkeypatch.setenv("RESNET_PROBE_CA", authority)
        monkeypatch.setenv("RESNET_PROBE_TOKEN", token)
        train(4)
        with Driven(spool, url, RESNET_PROBE_TOKEN=token, RESNET_PROBE_CA=authority) as driven:
            driven.run()
            assert rows(daemon.store, FRAMES) == [{"frames": 7, "first": 0, "last": 3}]
            # A token that is revoked is refused, and taken again once it is there again.
            monkeypatch.delenv("RESNET_PROBE_URL")
            train(2)
            kept, frames = tokens.read_text(), 7
            tokens.write_text("".join(line for line in kept.splitlines(True) if token not in line))
            daemon.process.send_signal(signal.SIGHUP)
            daemon.log_until("token")
            assert "it wants another token (401" in refusal(token)
            tokens.write_text(kept)
            daemon.process.send_signal(signal.SIGHUP)
            daemon.log_until("token")
            driven.run()
            assert rows(daemon.store, FRAMES) == [{"frames": 9, "first": 0, "last": 3}]
    assert Spooled(spool).files() == set()
