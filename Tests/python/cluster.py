"""A cluster's trial, as a script: `python Tests/python/cluster.py COMMAND`.

torchrun trains with four processes, and delivers to a daemon behind TLS and a token. Every rank is
killed in turn, the daemon after each of them, and then torchrun itself; each is started again. It
ends with a report that misses nothing, or fails. COMMAND is the path of `resnet-probe`.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE.parent.parent / "Sources" / "python"
CERTIFICATES = HERE.parent / "Support" / "tls"
RUN = "c1" * 16
RANKS = 4
STEPS = 40
PATIENCE = 280  # seconds, for anything that is waited for


class Cluster:
    """A training host and a daemon's host, in one folder each."""

    def __init__(self, command: pathlib.Path, folder: pathlib.Path) -> None:
        self.command = command
        self.folder = folder
        self.store = folder / "store.sqlite"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        tokens = folder / "tokens"
        self.token = self.run("token", "new", "--file", tokens).split()[0]
        key = folder / "server-key.pem"
        shutil.copy(CERTIFICATES / "server-key.pem", key)
        key.chmod(0o600)
        self._options: list[str | pathlib.Path] = [
            "--store", self.store, "--listen", f"127.0.0.1:{self.port}", "--token-file", tokens,
            "--tls-certificate", CERTIFICATES / "server.pem", "--tls-key", key,
        ]  # fmt: skip
        own = {k: v for k, v in os.environ.items() if not k.startswith(("RESNET_PROBE", "TORCHEL"))}
        self._environment = own | {
            "PYTHONPATH": os.pathsep.join([str(SOURCES), str(HERE)]),
            "OMP_NUM_THREADS": "1",
            # With the store that torchrun keeps over a restart gloo connects to dead processes.
            "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
            "RESNET_PROBE_SPOOL": str(folder / "spool"),
            "RESNET_PROBE_RUN_ID": RUN,
            "RESNET_PROBE_URL": f"https://localhost:{self.port}",
            "RESNET_PROBE_TOKEN": self.token,
            "RESNET_PROBE_CA": str(CERTIFICATES / "authority.pem"),
        }
        self.daemon = self._serve()
        self.training = self._train()

    def run(self, *arguments: str | pathlib.Path) -> str:
        """What the command prints."""
        return subprocess.run(
            [self.command, *arguments], capture_output=True, text=True, check=True
        ).stdout

    def kill_daemon(self) -> None:
        """Kills the daemon, and starts it again on what is left of its store."""
        self.daemon.kill()
        self.daemon.wait(PATIENCE)
        self.daemon = self._serve()

    def kill_training(self) -> None:
        """Kills torchrun with all that it started, and starts it again."""
        self.training.kill()
        self.training.wait(PATIENCE)
        for path in self.folder.glob("process.*"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.read_text()), signal.SIGKILL)
        self.training = self._train()

    def end(self) -> None:
        """Ends what still runs."""
        for process in (self.daemon, self.training):
            if process.poll() is None:
                process.kill()
                process.wait(PATIENCE)

    def killed(self) -> int:
        """How many ranks have killed themselves so far."""
        try:
            return (self.folder / "killed").read_text().count("\n")
        except FileNotFoundError:
            return 0

    def deliver(self) -> str:
        """Delivers what was left; what the command says."""
        outcome = subprocess.run(
            [sys.executable, "-m", "resnet_probe", "deliver"], env=self._environment,
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        expect(outcome.returncode == 0, f"everything is delivered: {outcome.stderr}")
        return outcome.stdout

    def _serve(self) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [self.command, "serve", *self._options], stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        expect("serving" in process.stderr.readline(), "the daemon serves")
        return process

    def _train(self) -> "subprocess.Popen[str]":
        log = open(self.folder / "training.log", "a")  # noqa: SIM115
        program = HERE / "cluster_training.py"
        return subprocess.Popen(
            [
                sys.executable, "-m", "torch.distributed.run", "--standalone",
                f"--nproc-per-node={RANKS}", f"--max-restarts={RANKS + 2}",
                "--monitor-interval=0.1", str(program), str(self.folder), str(STEPS),
            ],
            env=self._environment, stdout=log, stderr=log, text=True,
        )  # fmt: skip


def expect(condition: object, what: str) -> None:
    """Fails, saying what was expected, unless it is so."""
    if not condition:
        raise SystemExit(f"not so: {what}")


def until(condition: Callable[[], object], what: str) -> None:
    """Polls until the condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        expect(time.monotonic() < deadline, f"within {PATIENCE} s: {what}")
        time.sleep(0.05)


def trial(cluster: Cluster) -> None:
    """Kills each in turn, and looks whether anything is missing."""
    for kills in range(1, RANKS):
        until(lambda kills=kills: cluster.killed() >= kills, f"rank {kills - 1} is killed")
        print(f"rank {kills - 1} killed itself; the daemon is killed", flush=True)
        cluster.kill_daemon()
    cluster.kill_training()
    print("torchrun and its ranks are killed")
    until(lambda: cluster.training.poll() is not None, "the training ends")
    log = (cluster.folder / "training.log").read_text()
    expect(cluster.training.returncode == 0, f"the training ends well: {log[-3000:]}")
    expect(cluster.token not in log, "the token is in no log")
    print(cluster.deliver(), end="")
    check(cluster)


def check(cluster: Cluster) -> None:
    """The store has every step of every rank, and the report misses nothing."""
    runs = json.loads(cluster.run("runs", "--json", "--store", cluster.store))
    expect([run["uuid"].replace("-", "") for run in runs] == [RUN], f"it is one run: {runs}")
    sql = "SELECT step, ranks FROM run_step ORDER BY step"
    rows = json.loads(cluster.run("query", sql, "--json", "--store", cluster.store))
    expect([row["step"] for row in rows] == list(range(STEPS)), f"every step is there: {rows}")
    expect({row["ranks"] for row in rows} == {RANKS}, f"every rank is there: {rows}")
    report = json.loads(cluster.run("report", "--json", "--store", cluster.store))
    expect(report["run"]["ranks"] == list(range(RANKS)), "the report is of all ranks")
    expect("missing_ranks" not in json.dumps(report), "the report misses no rank")
    expect(report["run"]["status"] == "completed", "the run is completed")
    attempts = report["run"]["attempts"]
    rejected = "SELECT sum(rejected_records) AS n FROM journal"
    counted = json.loads(cluster.run("query", rejected, "--json", "--store", cluster.store))
    expect(counted == [{"n": 0}], "no record was rejected")
    print(f"{STEPS} steps of {RANKS} ranks in {attempts} attempts; the report:\n")
    print(cluster.run("report", "--store", cluster.store))


def main(command: pathlib.Path) -> None:
    """Runs the trial in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(command, pathlib.Path(folder))
        try:
            trial(cluster)
        finally:
            cluster.end()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve())
