"""What every test of a recorded run starts from."""

import pathlib
import signal
from collections.abc import Iterator

import pytest
import torch

# Networks here are tiny: threads that wait for each other would take most of the time.
torch.set_num_threads(1)

# A shell without job control starts what runs in the background with SIGINT ignored, and children inherit
# that: tests that interrupt something would wait for ever. Here it interrupts, as at a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def spool(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A spool of the test's own, and no other variable of the recorder."""
    path = tmp_path / "spool"
    for name in (
        "SPOOL_LIMIT",
        "RUN",
        "RUN_ID",
        "PROJECT",
        "EVERY",
        "MODE",
        "DETAIL",
        "URL",
        "TOKEN",
        "CA",
        "FINISH_WAIT",
    ):
        monkeypatch.delenv(f"RESNET_PROBE_{name}", raising=False)
    monkeypatch.setenv("RESNET_PROBE_SPOOL", str(path))
    return path


@pytest.fixture
def nothing_compiled_after() -> Iterator[None]:
    """The process forgets after the test what was compiled in it: the recorder asks for that."""
    yield
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
