"""A hooked model can be copied, stored and compiled; only the original is recorded."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from resnet_probe.inert import Hook, stand_in
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class Seen:
    """A small hooked network and the names of the hooks that ran."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        first, middle, last = self.model
        first.register_forward_hook(Hook(self._note("forward", 3)))
        middle.register_forward_pre_hook(Hook(self._note("pre", 2)))
        last.register_forward_pre_hook(Hook(self._note("pre with keywords", 3)), with_kwargs=True)
        last.register_forward_hook(Hook(self._note("forward with keywords", 4)), with_kwargs=True)
        self.model.register_state_dict_pre_hook(Hook(self._note("state", 3)))

    def _note(self, name: str, count: int):  # noqa: ANN202
        def note(*arguments: object) -> None:
            assert len(arguments) == count
            self.names.append(name)

        return note


FORWARD = ["forward", "pre", "pre with keywords", "forward with keywords"]


def forward_and_back(model: nn.Module) -> Tensor:
    output = model(torch.ones(2, 3))
    output.sum().backward()
    return output


def test_the_original_is_recorded() -> None:
    seen = Seen()
    forward_and_back(seen.model)
    seen.model.state_dict()
    assert seen.names == [*FORWARD, "state"]


def test_a_hook_changes_the_output_as_its_function_does() -> None:
    model = nn.Linear(2, 2)
    model.register_forward_hook(Hook(lambda _module, _args, output: output * 2))
    expected = nn.functional.linear(torch.ones(1, 2), model.weight, model.bias) * 2
    assert torch.equal(model(torch.ones(1, 2)), expected)


@pytest.mark.parametrize("copied", ["deepcopy", "twice", "pickle", "torch.save", "average"])
def test_a_copy_runs_and_records_nothing(copied: str) -> None:
    seen = Seen()
    expected = forward_and_back(seen.model)
    if copied == "deepcopy":
        model: nn.Module = copy.deepcopy(seen.model)
    elif copied == "twice":
        model = copy.deepcopy(copy.deepcopy(seen.model))
    elif copied == "pickle":
        model = pickle.loads(pickle.dumps(seen.model))
    elif copied == "torch.save":
        file = io.BytesIO()
        torch.save(seen.model, file)
        file.seek(0)
        model = torch.load(file, weights_only=False)
    else:
        average = AveragedModel(seen.model)
        average.update_parameters(seen.model)
        model = average
    seen.names.clear()
    assert torch.equal(forward_and_back(model), expected)
    model.state_dict()
    assert seen.names == []
    forward_and_back(seen.model)
    assert seen.names == FORWARD


def test_an_ema_copy_of_timm_runs_and_records_nothing() -> None:
    timm_utils = pytest.importorskip("timm.utils")
    seen = Seen()
    average = timm_utils.ModelEmaV3(seen.model, decay=0.5)
    average.update(seen.model)
    seen.names.clear()
    with torch.no_grad():
        average(torch.ones(2, 3))
    assert seen.names == []


def test_a_shallow_copy_of_a_hook_is_inert() -> None:
    hook = Hook(lambda: pytest.fail("the copy called the function"))
    assert copy.copy(hook)() is None
    assert stand_in()(1, 2, 3, 4) is None


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_pickle_protocol_loads(protocol: int) -> None:
    loaded = pickle.loads(pickle.dumps(Hook(len), protocol=protocol))
    assert loaded(1, 2, 3) is None


def test_a_stored_model_loads_and_runs_without_this_package(tmp_path: Path) -> None:
    seen = Seen()
    path = tmp_path / "model.pt"
    torch.save(seen.model, path)
    script = """
import sys
sys.modules["resnet_probe"] = None  # importing it fails
import torch
model = torch.load(sys.argv[1], weights_only=False)
output = model(torch.ones(2, 3))
output.sum().backward()
print([round(value, 6) for value in output.flatten().tolist()])
assert not [name for name in sys.modules if name.startswith("resnet_probe.")]
"""
    run = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stderr
    expected = [round(value, 6) for value in forward_and_back(seen.model).flatten().tolist()]
    assert run.stdout.strip() == str(expected)


@pytest.mark.parametrize("copied", [False, True], ids=["original", "copy"])
def test_compiling_sees_no_hook_and_breaks_no_graph(copied: bool) -> None:
    seen = Seen()
    expected = forward_and_back(seen.model)
    seen.names.clear()
    model = copy.deepcopy(seen.model) if copied else seen.model
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    assert torch.equal(forward_and_back(compiled), expected)
    assert seen.names == []
