"""What an examination says of calls that cannot work, and of networks that are no plain ones."""

import copy
import dataclasses
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import resnet_probe
import torch
import torch.nn.functional as F
from resnet_probe.examining.examination import Examination
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from networks.catalogue_unknown import UNKNOWN
from networks.cifar_resnet import CifarResNet
from networks.entry import Entry, mean_loss
from networks.gpt import GPT
from test_examine_resumed import recorded


def batch(samples: int = 4) -> tuple[Tensor, Tensor]:
    own = torch.Generator().manual_seed(samples)
    x = torch.randn(samples, 3, 8, 8, generator=own)
    return x, torch.randint(0, 10, (samples,), generator=own)


def begun(
    model: nn.Module | None = None, *, trains: bool = True, **options: Any
) -> tuple[nn.Module, resnet_probe.Probe]:
    torch.manual_seed(1)
    model = CifarResNet(8, "A", 4).train() if model is None else model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    probe = resnet_probe.attach(model, optimizer, **options)
    if trains:
        x, y = batch()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model, probe


def said(capfd: pytest.CaptureFixture[str]) -> list[str]:
    lines = capfd.readouterr().err.splitlines()
    return [line for line in lines if ": recording '" not in line]


def breaks() -> Iterator[Any]:
    yield batch()
    raise RuntimeError("the disk\nis gone")


def nan(output: Tensor, target: Tensor) -> Tensor:
    losses = F.cross_entropy(output, target, reduction="none")
    return torch.where(torch.arange(len(losses)) == 1, torch.nan, losses)


MISUSES: dict[str, tuple[list[Any], Any, dict[str, Any], str]] = {
    "no batch": ([], F.cross_entropy, {}, "cannot examine 0 samples: an interval takes at least 2"),
    "empty batch": ([batch(0)], F.cross_entropy, {}, "cannot examine 0 samples: "),
    "one row": ([batch(1)], F.cross_entropy, {}, "cannot examine 1 samples: "),
    "no tensor": ([("a", 3)], F.cross_entropy, {}, "a batch of tuple: it holds no tensor"),
    "wrong shape": (
        [(torch.zeros(4, 7), torch.zeros(4))], F.cross_entropy, {},
        "cannot examine CifarResNet: its forward in eval mode raised ",
    ),
    "wrong signature": (
        [batch()], lambda output: output.sum(), {},
        "cannot examine with <lambda>: loss_fn(output, target) raised TypeError: ",
    ),
    "no number": ([batch()], lambda *_: "high", {}, "a loss of str: it is no number"),
    "no loss": ([batch()], None, {}, "without a loss function: the network returns no loss"),
    "NaN": ([batch()], nan, {}, "1 of 4 samples have no finite loss with all blocks in place"),
    "no mean": (
        [batch()], lambda output, _: output.double().sum(1) * 0 + 1e308, {},
        "the mean of 4 finite losses (up to 1e+308) is not finite; look at the loss of row 0 of",
    ),
    "no such block": (
        [batch()], F.cross_entropy, {"blocks": "layer9.*"},
        "cannot examine 'layer9.*': no recorded block is called so; print(probe.blocks) shows",
    ),
    "no block": ([batch()], F.cross_entropy, {"blocks": []}, "no block was chosen"),
    "confidence": ([batch()], F.cross_entropy, {"confidence": 1}, "examine with confidence=1: "),
    "samples": ([batch()], F.cross_entropy, {"samples": 1}, "samples=1: it is to be at least 2"),
    "error beyond 1": (
        [batch()], F.cross_entropy, {"error_fn": lambda output, _: output.sum(1).abs() + 2},
        "values are shares, 0 to 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISUSES)
def test_a_misuse_is_one_line_and_nothing_is_recorded(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    batches, loss, options, words = MISUSES[name]
    model, probe = begun()
    modes, state = [m.training for m in model.modules()], torch.get_rng_state()
    for _ in range(2):
        assert probe.examine(model, batches, loss, progress=False, **options, curve=False) is None
    (line,) = said(capfd)
    assert words in line
    assert line.startswith("resnet-probe: cannot examine")
    assert recorded(spool) == []
    assert [m.training for m in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    probe.finish()


def test_batches_that_break_are_one_line(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, probe = begun()
    assert probe.examine(model, breaks(), F.cross_entropy, curve=False) is None
    (line,) = said(capfd)
    assert line == (
        "resnet-probe: cannot read the probe set: batches raised RuntimeError: the disk is gone;"
        " give batches that can be read"
    )
    assert recorded(spool) == []
    probe.finish()


def test_another_network_and_a_finished_probe_are_one_line_each(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, probe = begun()
    assert probe.examine(copy.deepcopy(model), [batch()], F.cross_entropy, curve=False) is None
    assert probe.examine(nn.DataParallel(model), [batch()], F.cross_entropy, curve=False) is None
    first = probe.examine(model, [batch()], F.cross_entropy, progress=False, curve=False)
    probe.finish()
    assert probe.examine(model, [batch()], F.cross_entropy, curve=False) is None
    lines = said(capfd)
    other = "resnet-probe: cannot examine CifarResNet: the model given ({}) is not the attached one"
    assert [line.partition("; ")[0] for line in lines] == [
        other.format("CifarResNet"),
        other.format("DataParallel"),
        "resnet-probe: cannot examine the network: its recording has ended",
    ]
    assert first is not None
    assert len(recorded(spool)) == 3


@pytest.mark.usefixtures("spool")
def test_strict_probes_raise_and_disabled_ones_do_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    model, probe = begun(strict=True)
    with pytest.raises(resnet_probe.ProbeError, match="at least 2"):
        probe.examine(model, [], F.cross_entropy, curve=False)
    probe.finish()
    model, probe = begun(mode="disabled")
    assert probe.examine(model, [batch()], F.cross_entropy, curve=False) is None
    assert said(capfd) == []


@pytest.mark.usefixtures("spool")
def test_other_ranks_than_0_return_at_once(
    capfd: pytest.CaptureFixture[str],
) -> None:
    model, probe = begun()
    loop = probe._loop
    assert loop is not None
    loop.ranks.rank = 1
    assert probe.examine(model, breaks(), F.cross_entropy, curve=False) is None
    assert said(capfd) == ["resnet-probe: examine: rank 0 examines for all ranks"]
    loop.ranks.rank = 0
    probe.finish()


def test_losses_that_are_not_finite_without_a_block_are_counted(spool: pathlib.Path) -> None:
    class Steep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = CifarResNet(8, "A", 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x)

    model, probe = begun(Steep(), strict=True)
    x, y = batch(6)
    model.eval()
    with torch.no_grad():
        base = model(x)
    model.train()

    def loss(output: Tensor, target: Tensor) -> Tensor:
        """Infinite for the rows 0 and 3 wherever the output is another than the untouched one."""
        losses = F.cross_entropy(output, target, reduction="none")
        is_moved = (output - base).abs().amax(1) > 1e-3
        marked = torch.tensor([True, False, False, True, False, False])
        return torch.where(is_moved & marked, torch.inf, losses)

    found = probe.examine(model, [(x, y)], loss, progress=False, curve=False)
    assert found is not None
    assert [one.non_finite for one in found] == [2, 2, 2]
    assert all(one.lower is None and one.upper is None for one in found)
    assert all(one.error_lower is not None for one in found)
    assert [(one.loss_change.n, one.loss_change_even) for one in recorded(spool)] == [(4, None)] * 3
    assert "2 not finite" in repr(found)
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_it_can_be_called_before_the_first_step() -> None:
    for options in ({}, {"example": batch()[0]}, {"blocks": "layer[12]*"}):
        model, probe = begun(trains=False, strict=True, **options)
        found = probe.examine(model, [batch()], F.cross_entropy, progress=False, curve=False)
        assert found is not None
        assert (found.step, len(found)) == (0, 2 if "blocks" in options else 3)
        x, y = batch()
        F.cross_entropy(model(x), y).backward()
        probe.finish()


class Checkpointed(nn.Module):
    """Blocks within checkpoints, also in eval mode."""

    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.net = CifarResNet(8, "A", 4)
        self.reentrant = reentrant

    def forward(self, x: Tensor) -> Tensor:
        net = self.net
        x = F.relu(net.bn1(net.conv1(x)))
        for stage in (net.layer1, net.layer2, net.layer3):
            x = checkpoint(stage, x, use_reentrant=self.reentrant)
        return net.linear(x.mean((2, 3)))


class Compiled(nn.Module):
    """A compiled part."""

    def __init__(self) -> None:
        super().__init__()
        self.net = CifarResNet(8, "A", 4)
        self.net.layer2 = torch.compile(self.net.layer2, backend="eager")  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize(
    "make",
    [lambda: Checkpointed(True), lambda: Checkpointed(False), Compiled],
    ids=["reentrant checkpoints", "checkpoints", "a compiled part"],
)
def test_checkpoints_and_compiled_parts_are_seen_into(make: Any) -> None:
    bare = CifarResNet(8, "A", 4)
    model, probe = begun(make(), trains=False, strict=True)
    names = [name.replace("_orig_mod.", "") for name in model.net.state_dict()]
    bare.load_state_dict(dict(zip(names, model.net.state_dict().values(), strict=True)))
    found = probe.examine(model, [batch()], F.cross_entropy, progress=False, curve=False)
    own, plain = begun(bare, trains=False, strict=True)
    expected = plain.examine(own, [batch()], F.cross_entropy, progress=False, curve=False)
    assert found is not None
    assert expected is not None
    changes = [one.loss_change for one in expected]
    assert [one.loss_change for one in found] == pytest.approx(changes, abs=1e-6)
    probe.finish()
    plain.finish()


@pytest.mark.usefixtures("spool")
def test_a_compiled_network_is_examined_as_it_was_written() -> None:
    model = CifarResNet(8, "A", 4).train()
    compiled = torch.compile(model, backend="eager")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    probe = resnet_probe.attach(compiled, optimizer, strict=True)
    x, y = batch()
    F.cross_entropy(compiled(x), y).backward()
    optimizer.step()
    found = probe.examine(compiled, [batch()], F.cross_entropy, progress=False, curve=False)
    assert found is not None
    assert len(found) == 3
    probe.finish()
    torch._dynamo.reset()


class Moody(nn.Module):
    """Joins a second time where the batch is large."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)[:, :8]
        x = x + self.first(x)
        if len(x) > 3:
            x = x + self.second(x)
        return self.head(x)


def test_a_block_that_does_not_always_run_is_left_out_with_a_sentence(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, probe = begun(Moody())
    found = probe.examine(model, [batch(4), batch(3)], F.cross_entropy, curve=False)
    assert found is not None
    assert [one.name for one in found] == ["first"]
    assert found.left_out == ("second is left out: it does not run in every batch",)
    assert "resnet-probe: examine: second is left out: it does not run in every batch" in said(
        capfd
    )
    assert {one.planned for one in recorded(spool)} == {1}
    probe.finish()


class Fragile(nn.Module):
    """Raises where its second block changes nothing; else like any other."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)[:, :8]
        x = x + self.first(x)
        y = x + self.second(x)
        if torch.equal(x, y):
            raise ValueError("nothing happened")
        return self.head(y)


def test_a_network_that_raises_without_a_block_keeps_the_others(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, probe = begun(Fragile())
    found = probe.examine(model, [batch()], F.cross_entropy, progress=False, curve=False)
    assert found is not None
    assert [one.name for one in found] == ["first"]
    assert found.left_out == ("second is left out: nothing happened",)
    # What was measured stands once more under the identity of an examination without that block.
    whole = [one for one in recorded(spool) if one.planned == 1]
    assert [one.ordinals for one in whole] == [(0,)]
    assert len(said(capfd)) == 1
    # The same call again measures nothing twice.
    again = probe.examine(model, [batch()], F.cross_entropy, progress=False, curve=False)
    assert again == found
    assert len(recorded(spool)) == 2
    probe.finish()


def test_what_was_measured_is_written_once_more_however_many_blocks_are_left_out(
    spool: pathlib.Path,
) -> None:
    class Several(Fragile):
        def __init__(self) -> None:
            super().__init__()
            self.more = nn.ModuleList(nn.Linear(8, 8) for _ in range(6))

        def forward(self, x: Tensor) -> Tensor:
            x = x.flatten(1)[:, :8]
            for place, layer in enumerate(self.more):
                y = x + layer(x)
                if place % 2 and torch.equal(x, y):
                    raise ValueError("nothing happened")
                x = y
            return self.head(x)

    model, probe = begun(Several())
    found = probe.examine(model, [batch()], F.cross_entropy, progress=False, curve=False)
    assert found is not None
    assert (len(found), len(found.left_out)) == (3, 3)
    assert [one.planned for one in recorded(spool)] == [6, 6, 6, 3, 3, 3]
    again = probe.examine(model, [batch()], F.cross_entropy, progress=False, curve=False)
    assert again == found
    assert len(recorded(spool)) == 6
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_a_network_that_is_never_twice_the_same_is_not_examined(
    capfd: pytest.CaptureFixture[str],
) -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = CifarResNet(8, "A", 4)
            self.calls = 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return self.net(x) * self.calls

    model, probe = begun(Counting())
    assert probe.examine(model, [batch()], F.cross_entropy, curve=False) is None
    (line,) = said(capfd)
    assert re.search(r"two passes over the same rows in eval mode differ by [\d.]+ in loss", line)
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_dropout_that_stays_on_draws_alike_with_and_without_a_block() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = F.dropout(x.flatten(1)[:, :8], 0.5, training=True)
            x = x + F.dropout(self.first(x), 0.5, training=True)
            return self.head(x + self.second(x))

    model, probe = begun(Noisy(), strict=True)
    with torch.no_grad():
        model.second.weight.zero_()  # type: ignore[union-attr,operator]
        model.second.bias.zero_()  # type: ignore[union-attr,operator]
    found = probe.examine(model, [batch(), batch(6)], F.cross_entropy, progress=False, curve=False)
    assert found is not None
    assert found[0].loss_change != 0
    assert (found[1].loss_change, found[1].upper) == (0, 0)
    probe.finish()


class Keyed(nn.Module):
    """Takes keywords and returns a mapping with its loss, as language models do."""

    def __init__(self) -> None:
        super().__init__()
        self.gpt = GPT(11, 8, 1, 2, 8, 0.0)

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> Mapping[str, Any]:
        logits = self.gpt(input_ids)[0]
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return {"loss": loss, "logits": logits}


@pytest.mark.usefixtures("spool")
def test_the_networks_own_loss_is_taken_row_by_row() -> None:
    def keyed(samples: int) -> dict[str, Any]:
        ids = torch.randint(0, 11, (samples, 6))
        labels = ids.clone()
        labels[:, -2:] = torch.where(torch.arange(samples) % 2 == 0, -100, labels[:, -2:].T).T
        return {"input_ids": ids, "labels": labels, "name": ["x"] * samples}

    model, probe = begun(Keyed(), trains=False, strict=True)
    data = [keyed(4), keyed(3)]
    own = probe.examine(model, data, samples=6, progress=False, curve=False)

    def loss(output: Any, labels: Tensor) -> Tensor:
        logits = output["logits"][:, :-1].flatten(0, 1)
        return F.cross_entropy(logits, labels[:, 1:].flatten())

    given = probe.examine(model, data, loss, samples=6, progress=False, curve=False)
    assert own is not None
    assert given is not None
    assert own.samples == given.samples == 6
    assert own.base_error is None
    assert own.base_loss == pytest.approx(given.base_loss, rel=1e-6)
    assert [a.loss_change for a in own] == pytest.approx(
        [b.loss_change for b in given], rel=1e-3, abs=1e-7
    )
    probe.finish()


@dataclasses.dataclass
class Output:
    logits: Tensor
    layers: int = 3


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("kind", ["dataclass", "model output"])
def test_rows_of_an_output_keep_its_type(kind: str) -> None:
    from transformers.modeling_outputs import ImageClassifierOutput

    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = CifarResNet(8, "A", 4)

        def forward(self, pixel_values: Tensor) -> Any:
            logits = self.net(pixel_values)
            return Output(logits) if kind == "dataclass" else ImageClassifierOutput(logits=logits)

    def loss(output: Any, target: Tensor) -> Tensor:
        return F.cross_entropy(output.logits, target)

    model, probe = begun(Wrapped(), trains=False, strict=True)
    x, y = batch(5)
    own = probe.examine(model, [(x, y)], loss, progress=False, curve=False)
    keyed = probe.examine(
        model, [{"pixel_values": x, "labels": y}], loss, progress=False, curve=False
    )
    torchs = probe.examine(model, [(x, y)], nn.CrossEntropyLoss(), progress=False, curve=False)
    assert own is not None
    assert keyed is not None
    assert torchs is not None
    assert own.base_loss == keyed.base_loss == pytest.approx(torchs.base_loss, rel=1e-6)
    assert own.base_error == keyed.base_error is not None
    probe.finish()


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize(
    ("loss", "own"),
    [
        (nn.CrossEntropyLoss(), lambda o, y: F.cross_entropy(o, y)),
        (nn.CrossEntropyLoss(reduction="sum"), lambda o, y: F.cross_entropy(o, y)),
        (nn.CrossEntropyLoss(label_smoothing=0.1),
         lambda o, y: F.cross_entropy(o, y, label_smoothing=0.1)),
        (lambda o, y: F.cross_entropy(o, y), lambda o, y: F.cross_entropy(o, y)),
        (lambda o, y: (o[:, 0] - y) ** 2, lambda o, y: ((o[:, 0] - y) ** 2).mean()),
        (nn.MultiMarginLoss(), lambda o, y: F.multi_margin_loss(o, y)),
        (lambda o, y: float(F.cross_entropy(o, y)), lambda o, y: F.cross_entropy(o, y)),
    ],
)  # fmt: skip
def test_a_samples_loss_is_its_own(loss: Any, own: Any) -> None:
    model, probe = begun(trains=False, strict=True)
    x, y = batch(5)
    found = probe.examine(model, [(x, y)], loss, progress=False, curve=False)
    model.eval()
    with torch.no_grad():
        logits = model(x)
        rows = [float(own(logits[i : i + 1], y[i : i + 1])) for i in range(5)]
        wrong = float((logits.argmax(1) != y).double().mean())
    assert found is not None
    assert found.base_loss == pytest.approx(sum(rows) / 5, rel=1e-5)
    assert found.base_error == pytest.approx(wrong)
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_errors_of_tokens_are_shares_of_those_that_count() -> None:
    model, probe = begun(GPT(11, 8, 1, 2, 8, 0.0), trains=False, strict=True)
    ids, labels = torch.randint(0, 11, (4, 6)), torch.randint(0, 11, (4, 6))
    labels[0, 2:] = -100

    def loss(output: Any, target: Tensor) -> Tensor:
        return F.cross_entropy(output[0].flatten(0, 1), target.flatten())

    found = probe.examine(model, [(ids, labels)], loss, progress=False, curve=False)
    model.eval()
    with torch.no_grad():
        wrong = (model(ids)[0].argmax(-1) != labels).double()
    expected = (wrong[0, :2].mean() + wrong[1:].mean(1).sum()) / 4
    assert found is not None
    assert found.base_error == pytest.approx(float(expected))
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_a_user_may_call_the_network_and_count_errors_himself() -> None:
    model, probe = begun(strict=True)
    x, y = batch(6)
    found = probe.examine(
        model, [{"image": x, "class": y}],
        lambda output, own: F.cross_entropy(output, own["class"]), progress=False,
        forward=lambda network, own: network(own["image"]),
        error_fn=lambda output, own: (output.argmax(1) % 2 != own["class"] % 2).float(), curve=False)  # fmt: skip
    assert isinstance(found, Examination)
    model.eval()
    with torch.no_grad():
        wrong = (model(x).argmax(1) % 2 != y % 2).double().mean()
    assert found.base_error == pytest.approx(float(wrong))
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_it_prints_as_a_table() -> None:
    model, probe = begun(strict=True)
    found = probe.examine(model, [batch(8)], F.cross_entropy, progress=False, curve=False)
    lines = repr(found).splitlines()
    assert lines[0].startswith("step 1, 8 samples in eval mode: loss ")
    assert lines[2].split() == ["block", "removed", "loss", "change", "lower", "upper", "error",
                                "change", "identity", "gap"]  # fmt: skip
    assert [line.split()[0] for line in lines[4:]] == ["layer1.0", "layer2.0", "layer3.0"]
    assert len(lines) == 7
    probe.finish()


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("one", UNKNOWN, ids=lambda one: one.name)
def test_every_block_of_networks_that_nobody_knew_can_be_removed(one: Entry) -> None:
    torch.manual_seed(0)
    model, example = one.make().train(), one.example()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    probe = resnet_probe.attach(model, optimizer)
    mean_loss(model(*example.args, **example.kwargs)).backward()
    optimizer.step()
    if not probe.blocks:
        probe.finish()
        pytest.skip("nothing was found in it")
    rows = [*example.args, *example.kwargs.values()]
    found = probe.examine(
        model, [rows], lambda output, _: mean_loss(output), progress=False,
        forward=lambda network, _: network(*example.args, **example.kwargs), curve=False)  # fmt: skip
    assert found is not None
    assert found.left_out == ()
    assert len(found) == len(probe.blocks)
    assert all(block.loss_change != 0 for block in found)
    probe.finish()
