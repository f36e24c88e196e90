"""The README's section on clusters, run as it stands there: two homes stand for two hosts."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from journals import ROOT
from processes import binary

README = (ROOT / "README.md").read_text(encoding="utf-8")
KEPT = pathlib.Path(".config") / "resnet-probe"
TRAINING = """
import resnet_probe, torch
from distributed_cases import images, resnet, sgd, step_of

torch.set_num_threads(1)
torch.distributed.init_process_group("gloo")
model = torch.nn.parallel.DistributedDataParallel(resnet())
optimizer = sgd(model.parameters())
with resnet_probe.attach(model, optimizer, run="cluster", every=1):
    for step in range(12):
        step_of(model, optimizer, images(step, torch.distributed.get_rank()))
torch.distributed.destroy_process_group()
"""


def scripts(port: int) -> list[str]:
    """The section's blocks of commands; only the host's name, its address and the port are others."""
    section = README.split("\n## On a cluster\n")[1].split("\n## ")[0]
    found = re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    result = []
    for text in found:
        for written, here in (
            ("0.0.0.0:8443", f"127.0.0.1:{port}"),
            ("https://probe:8443", f"https://localhost:{port}"),
            ("CN=probe", "CN=localhost"),
            ("DNS:probe", "DNS:localhost"),
        ):
            text = text.replace(written, here)
        assert "8443" not in text
        result.append(text)
    return result


def host(home: pathlib.Path) -> dict[str, str]:
    """The environment of a host where command and package are installed."""
    home.mkdir()
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RESNET_PROBE", "XDG_", "TORCHELASTIC"))
    }
    programs = [str(binary().parent), str(pathlib.Path(sys.executable).parent), own["PATH"]]
    modules = [str(ROOT / "Sources" / "python"), str(ROOT / "Tests" / "python")]
    return own | {
        "HOME": str(home),
        "PATH": os.pathsep.join(programs),
        "PYTHONPATH": os.pathsep.join(modules),
        "OMP_NUM_THREADS": "1",
    }


def run(script: str, variables: dict[str, str]) -> str:
    """What a script prints; each of its commands must succeed."""
    outcome = subprocess.run(
        ["bash", "-ec", script], cwd=variables["HOME"], env=variables,
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    return outcome.stdout


@contextmanager
def serving(script: str, variables: dict[str, str]) -> Iterator[None]:
    """Runs a script whose last command serves, until the block ends; the daemon must end in order."""
    shell = subprocess.Popen(
        ["bash", "-ec", script + "wait -n\n"], cwd=variables["HOME"], env=variables,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert shell.stderr is not None
    said = []
    try:
        for line in shell.stderr:
            said.append(line)
            if "serving " in line:
                break
        else:
            raise AssertionError("".join(said))
        yield
    finally:
        os.killpg(shell.pid, signal.SIGTERM)
        output, errors = shell.communicate(timeout=60)
    assert output == ""
    assert "info stopped" in errors


@pytest.fixture
def hosts() -> Iterator[pathlib.Path]:
    """A folder with a short path: a socket's path has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="probe-") as folder:
        yield pathlib.Path(folder)


def test_the_readmes_section_on_clusters_runs_as_written(hosts: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    daemon, training = scripts(port)
    keeper, trainer = host(hosts / "keeper"), host(hosts / "trainer")
    (hosts / "trainer" / "train.py").write_text(TRAINING)
    with serving(daemon, keeper):
        (hosts / "trainer" / KEPT).mkdir(parents=True)
        for name in ("token", "server.pem"):
            shutil.copy(hosts / "keeper" / KEPT / name, hosts / "trainer" / KEPT / name)
        printed = run(training, trainer)
        # Where the training's end had the time to deliver all, nothing is left to send.
        assert printed.startswith(("delivered all 4 segments of ", "nothing was sent of "))
        assert " all 4 segments" in printed
        report = json.loads(run("resnet-probe report --json", keeper))
    own = report["run"]
    assert (own["name"], own["status"], own["frames"]) == ("cluster", "completed", 12)
    assert (own["world_size"], own["ranks"]) == (4, [0, 1, 2, 3])
    spool = hosts / "trainer" / ".local" / "state" / "resnet-probe" / "spool"
    assert len(list((spool / "delivered").glob("*.rpj"))) == 4
    assert not list((hosts / "keeper").rglob("*.rpj"))
