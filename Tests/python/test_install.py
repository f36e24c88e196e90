"""`pip install ./Sources/python`, from a copy of the folder and without a network."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from resnet_probe.release import VERSION

from journals import ROOT

SOURCE = ROOT / "Sources" / "python"


def run(*command: str | pathlib.Path, **variables: str) -> str:
    """What a command that must end well prints, in the file system's root."""
    mine = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    outcome = subprocess.run(
        command,
        env=mine | variables,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder that the package was installed into."""
    folder = tmp_path_factory.mktemp("install")
    left_out = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", ".*_cache")
    shutil.copytree(SOURCE, folder / "source", ignore=left_out)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    # With the setuptools that torch requires.
    pip += ["--no-build-isolation", "--disable-pip-version-check", "--target"]
    run(*pip, folder / "site", folder / "source")
    return folder / "site"


def test_all_modules_are_installed_and_nothing_else(site: pathlib.Path) -> None:
    def files(folder: pathlib.Path) -> set[str]:
        paths = (path for path in folder.rglob("*") if path.suffix in (".py", ".typed"))
        return {str(path.relative_to(folder)) for path in paths}

    assert files(site / "resnet_probe") == files(SOURCE / "resnet_probe")
    assert {"py.typed", "journal/wire.py"} <= files(site / "resnet_probe")
    others = {path.name for path in site.iterdir()} - {"resnet_probe"}
    assert others == {f"resnet_probe-{VERSION}.dist-info"}


def test_the_installed_package_attaches(site: pathlib.Path, tmp_path: pathlib.Path) -> None:
    program = """
import torch, resnet_probe
class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.map = torch.nn.Linear(4, 4)
    def forward(self, x):
        return x + self.map(x)
model = torch.nn.Sequential(Block(), Block())
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
with resnet_probe.attach(model, optimizer, run="installed", strict=True):
    model(torch.ones(2, 4)).sum().backward()
    optimizer.step()
print(resnet_probe.__file__)
"""
    spool = tmp_path / "spool"
    printed = run(
        sys.executable, "-c", program, PYTHONPATH=str(site), RESNET_PROBE_SPOOL=str(spool)
    )
    assert printed == f"{site / 'resnet_probe' / '__init__.py'}\n"
    assert b"installed" in next(spool.glob("*.rpj")).read_bytes()


def test_what_a_build_leaves_in_the_checkout_is_not_seen_by_git() -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no git checkout")
    left = ["Sources/python/build/lib/x.py", "Sources/python/resnet_probe.egg-info/PKG-INFO"]
    assert run("git", "-C", ROOT, "check-ignore", *left).splitlines() == left
