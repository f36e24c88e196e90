"""`bypass`: what it takes, what it refuses, what becomes of the copy."""

import copy
import io
import json
import pathlib
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import resnet_probe
import torch
import torch.nn.functional as F
from resnet_probe import ProbeError
from resnet_probe.bypassing import trials
from resnet_probe.bypassing.planned import FORMAT
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from networks.catalogue import entry, tensors_of
from networks.cifar_resnet import CifarResNet
from networks.gpt import GPT
from networks.plain import CifarPlainNet
from networks.unknown import BlockTwice
from test_attached_copies import foreign_hooks
from test_bypass_networks import build, check_equal, made

CHOSEN = ["layer1.1", "layer2.0", "layer3.2"]


def network(depth: int = 20) -> CifarResNet:
    torch.manual_seed(2)
    return CifarResNet(depth, "B", 4, 5)


def images(samples: int = 6, seed: int = 0) -> Tensor:
    return torch.randn(samples, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def document(model: nn.Module, names: list[str], example: Any = None) -> dict[str, Any]:
    """A plan as `resnet-probe plan --json` writes it, without what nobody reads here."""
    blocks = {block.name: block for block in resnet_probe.find_blocks(model, example)}
    return {
        "format": FORMAT,
        "basis": "measured",
        "blocks": [
            {
                "ordinal": blocks[name].ordinal,
                "name": name,
                "kind": blocks[name].kind,
                "shortcut": blocks[name].shortcut,
                "activation": blocks[name].activation,
                "parameters": blocks[name].parameters,
                "shape": list(blocks[name].shape),
            }
            for name in names
        ],
    }


def by_hand(net: Any, x: Tensor, gone: list[str]) -> Tensor:
    """The network's forward written again."""
    x = F.relu(net.bn1(net.conv1(x)))
    for stage in ("layer1", "layer2", "layer3"):
        for place, one in enumerate(getattr(net, stage)):
            shortcut = one.shortcut(x)
            if f"{stage}.{place}" not in gone:
                shortcut = shortcut + one.bn2(one.conv2(F.relu(one.bn1(one.conv1(x)))))
            x = F.relu(shortcut)
    return net.linear(F.avg_pool2d(x, x.shape[-1]).flatten(1))


# What it takes


def as_file(plan: dict[str, Any], folder: pathlib.Path) -> str:
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    return str(folder / "plan.json")


FORMS: dict[str, Callable[[dict[str, Any], pathlib.Path], Any]] = {
    "path in words": as_file,
    "path": lambda plan, folder: pathlib.Path(as_file(plan, folder)),
    "text": lambda plan, _: json.dumps(plan, indent=2),
    "text of names": lambda plan, _: json.dumps([one["name"] for one in plan["blocks"]]),
    "document": lambda plan, _: plan,
    "names": lambda plan, _: [one["name"] for one in plan["blocks"]],
    "names as they come": lambda plan, _: (one["name"] for one in plan["blocks"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_plan_in_each_form_leaves_its_blocks_out(form: str, tmp_path: pathlib.Path) -> None:
    model = network().eval()
    plan = FORMS[form](document(model, CHOSEN), tmp_path)
    bypassed = resnet_probe.bypass(model, plan)
    torch.testing.assert_close(bypassed(images()), by_hand(model, images(), CHOSEN))


def test_blocks_of_a_map_are_names_too() -> None:
    model = network().eval()
    chosen = [b for b in resnet_probe.find_blocks(model) if b.name in CHOSEN]
    bypassed = resnet_probe.bypass(model, chosen)
    torch.testing.assert_close(bypassed(images()), by_hand(model, images(), CHOSEN))


def test_an_empty_plan_gives_an_equal_copy_and_needs_no_example(
    capfd: pytest.CaptureFixture[str],
) -> None:
    model = GPT(50, 16, 2, 2, 16).eval()
    bypassed = resnet_probe.bypass(model, {"format": FORMAT, "blocks": []})
    assert bypassed is not model
    ids = torch.randint(0, 50, (2, 8))
    assert torch.equal(bypassed(ids)[0], model(ids)[0])
    assert capfd.readouterr().err == (
        "resnet-probe: bypass: the plan has no blocks: a copy of the whole network\n"
    )


@pytest.mark.parametrize(
    ("make", "width"), [(lambda: GPT(50, 16, 2, 2, 16), 0), (lambda: mlp(), 12)]
)
def test_what_a_first_layer_takes_is_tried_where_no_example_is_given(
    make: Callable[[], nn.Module], width: int
) -> None:
    model = make().eval()
    batch = torch.randn(3, width) if width else torch.randint(0, 50, (3, 8))
    names = [block.name for block in resnet_probe.find_blocks(model, batch)]
    alone = resnet_probe.bypass(model, names[:1])
    told = resnet_probe.bypass(model, names[:1], example=batch)
    pairs = zip(tensors_of(alone(batch)), tensors_of(told(batch)), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def mlp() -> nn.Module:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.f = nn.Sequential(nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 12))

        def forward(self, x: Tensor) -> Tensor:
            return x + self.f(x)

    return nn.Sequential(nn.Linear(12, 12), Residual(), Residual())


# What it refuses


def of_another_width() -> dict[str, Any]:
    return document(CifarResNet(20, "B", 8, 5), CHOSEN)


def of_preactivation() -> dict[str, Any]:
    plan = document(network(), CHOSEN)
    for block in plan["blocks"]:
        block["activation"] = "identity"
    return plan


def of_plain_blocks() -> dict[str, Any]:
    plan = document(network(), CHOSEN)
    plan["blocks"][0]["kind"] = "plain"
    return plan


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (["layer9.0", "layer1.0"], "cannot bypass layer9.0: no block of the CifarResNet given is"),
        ("nowhere/plan.json", "cannot read the plan in nowhere/plan.json: No such file"),
        ("{garbage", "cannot read the plan in a text: it is no JSON"),
        ({"format": "resnet-probe.plan/2", "blocks": []}, "its format is 'resnet-probe.plan/2'"),
        ({"blocks": []}, "it has no format, not 'resnet-probe.plan/1'"),
        ({"format": FORMAT, "blocks": ["layer1.0"]}, "its blocks are no list of blocks"),
        ({"format": FORMAT}, "its blocks are no list of blocks"),
        (3, "cannot read the plan in a int: 3 is no name of a block"),
        ([3], "cannot read the plan in a list: 3 is no name of a block"),
        ([10**5000], "cannot read the plan in a list: a int is no name of a block"),
        (of_another_width(), "has 304 parameters here, and 1,184 in the plan"),
        (of_preactivation(), "has the activation relu here, and identity in the plan"),
        (of_plain_blocks(), "is a residual block here, and a plain one in the plan"),
    ],
)
def test_what_is_no_plan_of_the_network_is_refused_in_one_line(plan: Any, words: str) -> None:
    with pytest.raises(ProbeError) as refused:
        resnet_probe.bypass(network(), plan)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("parameters", "x", "of its block layer1.1 'x' is no number of parameters"),
        ("parameters", [1], "of its block layer1.1 [1] is no number of parameters"),
        ("parameters", {}, "of its block layer1.1 {} is no number of parameters"),
        ("parameters", True, "of its block layer1.1 True is no number of parameters"),
        ("parameters", float("nan"), "of its block layer1.1 nan is no number of parameters"),
        ("parameters", -5, "of its block layer1.1 -5 is no number of parameters"),
        ("parameters", 10**5000, "of its block layer1.1 a int is no number of parameters"),
        ("activation", 5, "of its block layer1.1 the activation 5 is no word"),
        ("kind", [1], "of its block layer1.1 the kind [1] is no word"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_number_of_the_wrong_type_raised_a_type_error(key: str, value: Any, words: str) -> None:
    plan = {"format": FORMAT, "blocks": [{"name": "layer1.1", key: value}]}
    with pytest.raises(ProbeError) as refused:
        resnet_probe.bypass(nn.Identity(), plan)
    assert words in str(refused.value)


@pytest.mark.parametrize("text", ["[" * 10**6, '{"a":' * 10**5])
def test_a_deep_file_raised_a_recursion_error(text: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "plan.json").write_text(text, encoding="utf-8")
    for plan in (tmp_path / "plan.json", *([text] if text[0] == "{" else [])):
        with pytest.raises(ProbeError, match=r"no JSON \(nested too deeply\); write it with"):
            resnet_probe.bypass(nn.Identity(), plan)


HOSTILE = "\x1b[31mred\n\u202e\ud800"


def deep(levels: int = 10**5) -> list[Any]:
    nested: list[Any] = []
    for _ in range(levels):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    "plan",
    [
        [HOSTILE],
        {"format": FORMAT, "blocks": [{"name": HOSTILE}]},
        {"format": FORMAT, "blocks": [{"name": HOSTILE, "kind": 1}]},
        {"format": FORMAT, "blocks": [{"name": "layer1.0", "kind": HOSTILE}]},
        {"format": HOSTILE, "blocks": []},
        {"format": deep(), "blocks": []},
        HOSTILE,
        ["x" * 10**6],
        "x" * 10**6,
        CifarResNet(8, "B", 4, 5),
    ],
    ids=lambda plan: type(plan).__name__,
)
def test_what_a_hostile_plan_holds_came_raw_into_the_error(plan: Any) -> None:
    with pytest.raises(ProbeError) as refused:
        resnet_probe.bypass(CifarResNet(8, "B", 4, 5), plan)
    said = str(refused.value)
    assert said.isprintable()
    assert len(said) < 500


def test_a_file_of_one_json_string_was_read_letter_by_letter(tmp_path: pathlib.Path) -> None:
    (tmp_path / "plan.json").write_text('"layer1.0"', encoding="utf-8")
    with pytest.raises(ProbeError, match=r"plan\.json: it holds a text, and no document; write it"):
        resnet_probe.bypass(network(), tmp_path / "plan.json")


def test_a_file_of_bytes_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "plan.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProbeError, match="it is no text; give a file of"):
        resnet_probe.bypass(network(), tmp_path / "plan.json")


def test_a_network_that_does_not_run_on_the_example_is_refused() -> None:
    with pytest.raises(ProbeError, match=r"it does not run \(.*give example= what its forward"):
        resnet_probe.bypass(network(), CHOSEN, example=torch.zeros(2, 7))


def test_an_example_is_asked_for_where_no_first_layer_tells() -> None:
    class Table(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.eye(4))

        def forward(self, x: Tensor) -> Tensor:
            return x + x @ self.weight

    with pytest.raises(ProbeError, match="give example= a batch as the training loop does"):
        resnet_probe.bypass(Table(), ["block"])


def test_a_plain_module_with_two_uses_is_not_bypassed_in_one_of_them() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stages = nn.ModuleList(CifarPlainNet(8, 4).stages[0][0] for _ in range(2))

        def forward(self, x: Tensor) -> Tensor:
            return self.stages[0](self.stages[1](self.stages[0](x)))

    example = torch.randn(2, 4, 8, 8)
    with pytest.raises(ProbeError, match="runs more than once in a pass; bypass all of its uses"):
        resnet_probe.bypass(Twice(), ["stages.0@2"], example=example)
    both = resnet_probe.bypass(Twice(), ["stages.0", "stages.0@2"], example=example)
    assert isinstance(both.stages[0], resnet_probe.bypassing.stand_ins.Shortcut)


def test_a_wrong_copy_is_never_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(made: nn.Module, _: Any) -> None:
        with torch.no_grad():
            made.linear.bias += 0.01  # type: ignore[union-attr, operator]

    monkeypatch.setattr(trials, "apply", spoilt)
    with pytest.raises(
        ProbeError, match=r"no copy gives what it gives without them \(Disagreement"
    ):
        resnet_probe.bypass(network(), CHOSEN)


# The copy


def test_whole_modules_are_gone_with_their_parameters_and_all_else_keeps_its_name() -> None:
    model = network()
    bypassed = resnet_probe.bypass(model, CHOSEN)
    before, after = (set(one.state_dict()) for one in (model, bypassed))
    gone = {key for key in before if key.startswith(("layer1.1.", "layer2.0.", "layer3.2."))}
    kept = {key for key in gone if key.startswith("layer2.0.shortcut.")}
    assert kept
    assert after == before - gone | kept
    assert isinstance(bypassed.get_submodule("layer1.1"), resnet_probe.bypassing.stand_ins.Shortcut)
    assert not list(bypassed.get_submodule("layer1.1").parameters())


def test_just_the_operations_of_the_branches_are_saved() -> None:
    model = network().eval()
    bypassed = resnet_probe.bypass(model, CHOSEN)
    counts = []
    for one in (model, bypassed):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            one(images(4))
        counts.append(counter.get_total_flops())
    blocks = resnet_probe.find_blocks(model, images(4))
    saved = sum(b.macs or 0 for b in blocks if b.name in CHOSEN)
    assert counts[0] - counts[1] == 2 * 4 * saved > 0


def test_nothing_of_a_transformers_branches_runs() -> None:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    model = torchvision.models.VisionTransformer(32, 8, 3, 2, 16, 32).eval()
    layers = [f"encoder.layers.encoder_layer_{place}" for place in range(3)]
    chosen = [f"{layers[0]}.self_attention", f"{layers[1]}.mlp", f"{layers[2]}.self_attention"]
    bypassed = resnet_probe.bypass(model, chosen, example=torch.randn(2, 3, 32, 32))
    assert all(not list(bypassed.get_submodule(name).parameters()) for name in chosen)
    assert not list(bypassed.get_submodule(f"{layers[0]}.ln_1").parameters())
    assert list(bypassed.get_submodule(f"{layers[0]}.ln_2").parameters())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        bypassed(torch.randn(2, 3, 32, 32))
    counts = counter.get_flop_counts()
    for name in chosen:
        assert not counts.get(f"VisionTransformer.{name}")
    assert counts[f"VisionTransformer.{layers[0]}.mlp"]


def test_of_a_block_with_two_uses_one_is_bypassed_and_the_other_stays(
    capfd: pytest.CaptureFixture[str],
) -> None:
    torch.manual_seed(0)
    model = BlockTwice().eval()
    x = images()
    stem = F.relu(model.stem(x))
    without = {
        "shared": model.shared(model.other(stem)),
        "shared@2": model.other(model.shared(stem)),
    }
    for name, stream in without.items():
        bypassed = resnet_probe.bypass(model, [name], example=x)
        torch.testing.assert_close(bypassed(x), model.fc(stream.mean((2, 3))))
        assert torch.equal(pickle.loads(pickle.dumps(bypassed))(x), bypassed(x))
        assert copy.deepcopy(bypassed).fc is not bypassed.fc
        assert (
            f"of 1 the branch still runs, no faster than it was ({name})" in capfd.readouterr().err
        )
    both = resnet_probe.bypass(model, list(without), example=x)
    torch.testing.assert_close(both(x), model.fc(model.other(stem).mean((2, 3))))
    assert not list(both.shared.parameters())


def test_where_the_branch_still_runs_a_forward_of_other_operations_is_refused() -> None:
    class Wavering(BlockTwice):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x + x.mean() if self.training else x)

    bypassed = resnet_probe.bypass(Wavering(), ["shared"], example=images())
    bypassed.eval()(images())
    with pytest.raises(ProbeError, match="cannot run Wavering without its bypassed blocks"):
        bypassed.train()(images())


def test_a_tied_weight_stays_where_it_is_used_elsewhere() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
            self.second.weight = self.first.weight

        def forward(self, x: Tensor) -> Tensor:
            x = x + self.first(x)
            return x + self.second(x)

    model, x = Tied().eval(), torch.randn(3, 6)
    bypassed = resnet_probe.bypass(model, ["first"], example=x)
    torch.testing.assert_close(bypassed(x), x + model.second(x))
    bypassed(x).sum().backward()
    assert bypassed.second.weight.requires_grad
    assert set(bypassed.state_dict()) == {"second.weight", "second.bias"}


@pytest.mark.usefixtures("spool")
def test_the_original_stays_bit_for_bit_and_a_probe_on_it_goes_on() -> None:
    model = network().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with resnet_probe.attach(model, optimizer, every=1, strict=True) as probe:
        F.cross_entropy(model(images()), torch.zeros(6, dtype=torch.long)).backward()
        optimizer.step()
        before, modes = copy.deepcopy(model.state_dict()), [m.training for m in model.modules()]
        random_before = torch.get_rng_state()
        bypassed = resnet_probe.bypass(model, CHOSEN, recalibrate=[(images(), None)])
        assert torch.equal(torch.get_rng_state(), random_before)
        assert [m.training for m in model.modules()] == modes
        assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
        assert all(parameter.grad is not None for parameter in model.parameters())
        assert foreign_hooks(model)
        assert not foreign_hooks(bypassed)
        bypassed(images())
        assert probe.next_step == 1


def test_it_says_in_one_line_what_came_of_it(capfd: pytest.CaptureFixture[str]) -> None:
    resnet_probe.bypass(network(), CHOSEN, recalibrate=[(images(), None)] * 2)
    assert capfd.readouterr().err == (
        "resnet-probe: bypass: 3 of 9 blocks, 17,449 → 11,577 parameters (−34%);"
        " 15 batch norms recalibrated on 2 batches\n"
    )


@pytest.mark.parametrize("name", ["ResNet-20", "GPT", "block twice", "vit_b_16"])
def test_it_is_saved_loaded_moved_and_compiled_like_any_network(name: str) -> None:
    model, example = made(entry(name))
    names = [block.name for block in resnet_probe.find_blocks(model, example.args)]
    bypassed = resnet_probe.bypass(model, names[::2], example=example.args).eval()
    with torch.no_grad():
        (wanted,) = tensors_of(bypassed(*example.args))
        file = io.BytesIO()
        torch.save(bypassed, file)
        file.seek(0)
        again = torch.load(file, weights_only=False)
        assert torch.equal(tensors_of(again(*example.args))[0], wanted)
        other = resnet_probe.bypass(build(entry(name)), names[::2], example=example.args)
        other.load_state_dict(bypassed.state_dict())
        assert torch.equal(tensors_of(other.eval()(*example.args))[0], wanted)
        torch._dynamo.reset()
        compiled = torch.compile(bypassed, backend="eager", fullgraph=True)
        check_equal(tensors_of(compiled(*example.args)), [wanted])
        torch._dynamo.reset()
        double = copy.deepcopy(bypassed).double()
        args = [a.double() if a.is_floating_point() else a for a in example.args]
        check_equal([tensors_of(double(*args))[0].float()], [wanted])


def test_it_trains_under_distributed_data_parallel() -> None:
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        model = GPT(50, 16, 2, 2, 16)
        ids = torch.randint(0, 50, (2, 8))
        names = [block.name for block in resnet_probe.find_blocks(model, ids)]
        wrapped = nn.parallel.DistributedDataParallel(model)
        bypassed = resnet_probe.bypass(wrapped, names[:2], example=ids)
        assert isinstance(bypassed, GPT)
        parallel = nn.parallel.DistributedDataParallel(bypassed)
        for _ in range(3):  # a parameter without a gradient would stop the second
            parallel(ids)[0].sum().backward()
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("nothing_compiled_after")
def test_the_copy_of_a_compiled_network_is_a_plain_one() -> None:
    model = network().eval()
    model.layer3 = torch.compile(model.layer3, backend="eager")  # type: ignore[assignment]
    bypassed = resnet_probe.bypass(torch.compile(model, backend="eager"), CHOSEN)
    torch.testing.assert_close(bypassed(images()), by_hand(bypassed_as_it_was(), images(), CHOSEN))
    assert not any("_orig_mod" in key for key in bypassed.state_dict())


def bypassed_as_it_was() -> CifarResNet:
    return network().eval()


# With `examine` and after it


@pytest.mark.usefixtures("spool")
def test_its_loss_is_what_examine_measured_for_the_set() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    held_out = [(images(8, seed), torch.arange(8) % 5) for seed in (5, 6)]
    with resnet_probe.attach(model, optimizer, every=1, strict=True) as probe:
        for seed in range(3):
            optimizer.zero_grad()
            F.cross_entropy(model(images(8, seed)), torch.arange(8) % 5).backward()
            optimizer.step()
        found = probe.examine(model, held_out, F.cross_entropy, together=[CHOSEN], progress=False)
    assert found is not None
    (measured,) = [one for one in found if len(one.ordinals) == 3]
    bypassed = resnet_probe.bypass(model, CHOSEN).eval()
    x, y = (torch.cat(parts) for parts in zip(*held_out, strict=True))
    with torch.no_grad():
        change = F.cross_entropy(bypassed(x), y) - F.cross_entropy(model.eval()(x), y)
    assert float(change) == pytest.approx(measured.loss_change, abs=1e-6)


def test_recalibration_takes_the_mean_of_the_batches_statistics() -> None:
    model = network().train()
    norm = next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    norm.eval()
    norm.momentum = 0.3
    batches = [(images(6, seed), torch.zeros(6)) for seed in range(3)]
    bypassed = resnet_probe.bypass(model, CHOSEN, recalibrate=iter(batches))
    first = bypassed.bn1
    outputs = [bypassed.conv1(x) for x, _ in batches]
    mean = torch.stack([out.mean((0, 2, 3)) for out in outputs]).mean(0)
    variance = torch.stack([out.var((0, 2, 3)) for out in outputs]).mean(0)
    torch.testing.assert_close(first.running_mean, mean)
    torch.testing.assert_close(first.running_var, variance)
    assert first.momentum == 0.3
    assert not first.training
    assert bypassed.layer1.training
    assert all(
        int(m.num_batches_tracked) == 3 for m in bypassed.modules() if isinstance(m, nn.BatchNorm2d)
    )
    assert all(parameter.grad is None for parameter in bypassed.parameters())


def test_recalibration_reads_batches_of_keywords_and_says_where_there_is_nothing_to_do(
    capfd: pytest.CaptureFixture[str],
) -> None:
    model, example = made(entry("BERT post-norm"))
    keywords = {"input_ids": example.args[0], **example.kwargs, "labels": torch.zeros(2)}
    names = [b.name for b in resnet_probe.find_blocks(model, (*example.args, example.kwargs))]
    resnet_probe.bypass(model, names[:1], recalibrate=[keywords])
    assert capfd.readouterr().err.endswith("; no batch norm to recalibrate\n")


@pytest.mark.parametrize(
    ("batches", "words"),
    [([], "there is no batch"), ([(images(), 0), (torch.zeros(2, 7), 0)], "its forward raised")],
)
def test_batches_that_do_not_recalibrate_are_refused(batches: list[Any], words: str) -> None:
    with pytest.raises(ProbeError, match=f"cannot recalibrate CifarResNet: {words}"):
        resnet_probe.bypass(network(), CHOSEN, recalibrate=batches)
