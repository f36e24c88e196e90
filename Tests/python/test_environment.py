"""The script that makes the tests' environment, without the packages themselves."""

import importlib.machinery
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import types

import pytest

from journals import ROOT


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> types.ModuleType:
    """The script as a module, its cache in a folder of the test's."""
    path = str(ROOT / "Tests" / "python" / "environment")
    loader = importlib.machinery.SourceFileLoader("environment_script", path)
    # No compiled file beside a script that has no ending.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    monkeypatch.setenv("RESNET_PROBE_PYTHON_CACHE", str(tmp_path / "cache"))
    return module


class Commands:
    """Stands for the programs that the script runs: makes what they would make."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.run_so_far: list[str] = []

    def __call__(
        self, command: list[object], **_options: object
    ) -> "subprocess.CompletedProcess[bytes]":
        words = [str(word) for word in command]
        what = "venv" if "venv" in words else "pip" if "pip" in words else "check"
        self.run_so_far.append(what)
        if what == "venv":
            python = pathlib.Path(words[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.touch()
        return subprocess.CompletedProcess([], 1 if what == self.fails else 0)


def use(monkeypatch: pytest.MonkeyPatch, commands: Commands, free: int = 1 << 40) -> Commands:
    monkeypatch.setattr(subprocess, "run", commands)
    usage = types.SimpleNamespace(total=free, used=0, free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    return commands


def test_an_environment_is_made_once_and_its_python_printed(
    script: types.ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: pathlib.Path,
) -> None:
    commands = use(monkeypatch, Commands())
    assert script.main() is None
    assert script.main() is None
    assert commands.run_so_far == ["venv", "pip", "check"]
    python = f"{tmp_path}/cache/python-{script.key()}/bin/python"
    assert capsys.readouterr().out == f"{python}\n" * 2


@pytest.mark.parametrize("fails", ["venv", "pip"])
def test_a_half_made_environment_is_made_anew(
    script: types.ModuleType, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    use(monkeypatch, Commands(fails))
    problem = script.main()
    assert problem is not None
    assert problem.endswith("the command above failed; it is tried anew next time")
    commands = use(monkeypatch, Commands())
    assert script.main() is None
    assert commands.run_so_far == ["venv", "pip"]


def test_an_environment_whose_python_is_gone_is_made_anew(
    script: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Commands())
    assert script.main() is None
    commands = use(monkeypatch, Commands(fails="check"))
    assert script.main() is None
    assert commands.run_so_far == ["check", "venv", "pip"]


def test_too_little_room_is_said_before_anything_is_made(
    script: types.ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    commands = use(monkeypatch, Commands(), free=3_000_000_000)
    assert script.main() == (
        f"{tmp_path}/cache has 3.0 GB free, the tests' Python packages need 8.6 GB; free some, or"
        " set RESNET_PROBE_PYTHON_CACHE to another disk"
    )
    assert commands.run_so_far == []


def test_a_python_without_venv_is_told_what_to_install(
    script: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Commands())
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert script.main() == (
        "this Python makes no virtual environments; install Debian's package python3-venv"
    )
