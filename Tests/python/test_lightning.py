"""Lightning's Trainer with the callback: its frames are those of a loop written by hand."""

import os
import pathlib
import subprocess
import sys
from typing import Any

import lightning.pytorch
import pytest
import pytorch_lightning
import resnet_probe
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins import MixedPrecision
from resnet_probe.integrations.lightning import ResnetProbeCallback
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from frames import RecordedFrame, frames_by_run, frames_in
from journals import ATTEMPT_FINISHED, FRAME, METRICS, ROOT, RUN_OPENED, Folder, records
from networks.cifar_resnet import CifarResNet

BATCHES = 6
COMPLETED = 0


def images() -> TensorDataset:
    generator = torch.Generator().manual_seed(3)
    return TensorDataset(
        torch.randn(4 * BATCHES, 3, 8, 8, generator=generator),
        torch.randint(0, 10, (4 * BATCHES,), generator=generator),
    )


def network() -> CifarResNet:
    torch.manual_seed(5)
    return CifarResNet(8, width=4)


class Classifier(lightning.pytorch.LightningModule):
    """A network trained as Lightning's introduction does."""

    calls_itself = True

    def __init__(self) -> None:
        super().__init__()
        self.model = network()

    def forward(self, image: torch.Tensor) -> Any:
        return self.model(image)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        image, label = batch
        logits = self(image) if self.calls_itself else self.model(image)
        loss = nn.functional.cross_entropy(logits, label)
        self.log("accuracy", (logits.argmax(1) == label).float().mean())
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        image, label = batch
        self.log("val_loss", nn.functional.cross_entropy(self.model(image), label))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)


def trainer(
    folder: pathlib.Path, *callbacks: Any, library: Any = lightning.pytorch, **options: Any
) -> Any:
    defaults = {
        "accelerator": "cpu",
        "max_epochs": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "log_every_n_steps": 1,
        "default_root_dir": folder,
    }
    return library.Trainer(callbacks=[*callbacks], **{**defaults, **options})


def loader() -> DataLoader[Any]:
    return DataLoader(images(), batch_size=4)


def by_hand(accumulation: int = 1, epochs: int = 1, clip: float | None = None) -> None:
    """The same training as a loop."""
    model = network().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    planned = epochs * BATCHES // accumulation
    with resnet_probe.attach(
        model, optimizer, run="by hand", every=1, steps=planned, strict=True
    ) as probe:
        for _ in range(epochs):
            total = 0.0
            for place, (image, label) in enumerate(loader()):
                loss = nn.functional.cross_entropy(model(image), label) / accumulation
                loss.backward()
                total += float(loss.detach())
                if (place + 1) % accumulation == 0:
                    if clip is not None:
                        nn.utils.clip_grad_norm_(model.parameters(), clip)
                    optimizer.step()
                    optimizer.zero_grad()
                    probe.log(loss=total)
                    total = 0.0


def same(ours: list[RecordedFrame], theirs: list[RecordedFrame]) -> None:
    assert [frame.step for frame in ours] == [frame.step for frame in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-6)
        assert one.learning_rate == other.learning_rate
        assert one.blocks == other.blocks, one.step


@pytest.mark.parametrize("calls_itself", [True, False])
def test_frames_are_those_of_a_loop(
    spool: pathlib.Path, tmp_path: pathlib.Path, calls_itself: bool
) -> None:
    model = Classifier()
    model.calls_itself = calls_itself
    callback = ResnetProbeCallback(run="lightning", every=1, strict=True)
    trainer(tmp_path, callback).fit(model, loader(), loader())
    by_hand()
    frames = frames_by_run(spool)
    same(frames["lightning"], frames["by hand"])
    assert len(frames["lightning"]) == BATCHES
    assert all("accuracy" in frame.metrics for frame in frames["lightning"])


def test_a_frame_is_a_step_of_the_optimizer_after_clipping(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    callback = ResnetProbeCallback(run="lightning", every=1, strict=True)
    options = {"accumulate_grad_batches": 2, "gradient_clip_val": 0.1, "max_epochs": 2}
    trainer(tmp_path, callback, **options).fit(Classifier(), loader())
    by_hand(accumulation=2, epochs=2, clip=0.1)
    frames = frames_by_run(spool)
    same(frames["lightning"], frames["by hand"])
    assert len(frames["lightning"]) == BATCHES
    assert {block.micro_batches for frame in frames["lightning"] for block in frame.blocks} == {2}


@pytest.mark.parametrize("in_place", [True, False])
def test_a_compiled_network_is_recorded_from_its_first_step(
    spool: pathlib.Path, tmp_path: pathlib.Path, in_place: bool
) -> None:
    model = Classifier()
    model.calls_itself = False
    if in_place:
        model.model.compile(backend="aot_eager")
    else:
        model.model = torch.compile(model.model, backend="aot_eager")
    callback = ResnetProbeCallback(run="lightning", every=1, strict=True)
    trainer(tmp_path, callback).fit(model, loader())
    by_hand()
    frames = frames_by_run(spool)
    assert [frame.step for frame in frames["lightning"]] == list(range(BATCHES))
    for ours, theirs in zip(frames["lightning"], frames["by hand"], strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)
        for one, other in zip(ours.blocks, theirs.blocks, strict=True):
            assert one.micro_batches == 1
            assert one.update_ratio == pytest.approx(other.update_ratio, rel=1e-3)


@pytest.mark.usefixtures("spool")
def test_a_compiled_lightning_module_is_said_to_hide_its_network(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model: Any = torch.compile(Classifier(), backend="eager")
    fitting = trainer(tmp_path, ResnetProbeCallback())
    fitting.fit(model, loader())
    assert fitting.global_step == BATCHES
    said = [line for line in capfd.readouterr().err.splitlines() if "resnet-probe:" in line]
    assert said == [
        (
            "resnet-probe: nothing is recorded: the LightningModule was compiled, which hides the"
            " network's calls: compile the network inside it (self.model ="
            " torch.compile(self.model))"
        )
    ]


def test_the_trainer_of_pytorch_lightning_takes_it_too(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    class Own(pytorch_lightning.LightningModule):
        __init__ = Classifier.__init__
        forward = Classifier.forward
        calls_itself = True
        training_step = Classifier.training_step
        configure_optimizers = Classifier.configure_optimizers

    def __init__(self: Any) -> None:
        super(Own, self).__init__()
        self.model = network()

    Own.__init__ = __init__
    callback = ResnetProbeCallback(run="lightning", every=1, strict=True)
    trainer(tmp_path, callback, library=pytorch_lightning).fit(Own(), loader())
    by_hand()
    frames = frames_by_run(spool)
    same(frames["lightning"], frames["by hand"])


class Skipping(torch.amp.GradScaler):
    """Finds an infinite gradient in the third step."""

    steps = 0

    def unscale_(self, optimizer: torch.optim.Optimizer) -> None:
        self.steps += 1
        if self.steps == 3:
            optimizer.param_groups[0]["params"][0].grad.fill_(torch.inf)
        super().unscale_(optimizer)


def test_the_scaler_is_found_and_skipped_steps_are_marked(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    callback = ResnetProbeCallback(every=1, strict=True)
    scaler = Skipping("cpu", init_scale=1024.0, growth_interval=1000)
    precision = MixedPrecision("16-mixed", "cpu", scaler)
    trainer(tmp_path, callback, plugins=[precision]).fit(Classifier(), loader())
    frames = frames_in(spool)
    assert [frame.loss_scale for frame in frames] == [1024.0] * 3 + [512.0] * 3
    assert [frame.skipped for frame in frames] == [False, False, True, False, False, False]
    norms = [frame[0].gradient_norm for frame in frames if not frame.skipped]
    assert all(norm is not None and 0 < norm < 50 for norm in norms)


def ends(spool: pathlib.Path) -> list[tuple[str, int, list[int], bool, int]]:
    """Identity, first step, steps, whether completed, and last step of each attempt, by time."""
    found = []
    for path in spool.glob("*.rpj"):
        head, *rest = records(path.read_bytes())
        assert head.kind == RUN_OPENED
        (end,) = [record for record in rest if record.kind == ATTEMPT_FINISHED]
        identity = head.fields[3][0]
        assert isinstance(identity, bytes)
        steps = [RecordedFrame(record).step for record in rest if record.kind == FRAME]
        opened = (identity.hex(), int(head.number(8)), steps, end.number(1) == COMPLETED)
        found.append((head.number(7), (*opened, int(end.number(3)))))
    return [opened for _, opened in sorted(found)]


def test_a_checkpoint_carries_the_run_on(spool: pathlib.Path, tmp_path: pathlib.Path) -> None:
    saving = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=4, save_top_k=-1)
    first = ResnetProbeCallback(every=1, strict=True)
    options = {"enable_checkpointing": True, "max_epochs": 2}
    trainer(tmp_path, first, saving, **options).fit(Classifier(), loader())
    path = tmp_path / "step=8.ckpt"
    kept = torch.load(path, weights_only=True)["callbacks"]["ResnetProbeCallback"]
    again = ResnetProbeCallback(every=1, strict=True)
    trainer(tmp_path, again, max_epochs=3).fit(Classifier(), loader(), ckpt_path=path)
    (one, two) = ends(spool)
    assert one[1:] == (0, list(range(12)), True, 11)
    assert two[1:] == (8, list(range(8, 18)), True, 17)
    assert one[0] == two[0]
    assert kept == {"id": one[0], "step": 8}


def test_fitting_again_goes_on_and_a_new_trainer_begins_anew(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    callback = ResnetProbeCallback(every=1, strict=True)
    model = Classifier()
    fits = trainer(tmp_path, callback)
    fits.fit(model, loader())
    fits.fit_loop.max_epochs = 2
    fits.fit(model, loader())
    trainer(tmp_path, callback).fit(model, loader())
    one, two, other = ends(spool)
    assert [attempt[1] for attempt in (one, two, other)] == [0, 6, 0]
    assert one[0] == two[0] != other[0]


@pytest.mark.parametrize("error", [ArithmeticError, KeyboardInterrupt])
def test_what_ends_the_training_ends_the_attempt_as_failed(
    spool: pathlib.Path, tmp_path: pathlib.Path, error: type[BaseException]
) -> None:
    class Failing(Classifier):
        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            if batch_idx == 3:
                raise error
            return super().training_step(batch, batch_idx)

    model = Failing()
    callback = ResnetProbeCallback(every=1, strict=True)
    with pytest.raises((ArithmeticError, SystemExit)):
        trainer(tmp_path, callback).fit(model, loader())
    (attempt,) = ends(spool)
    assert attempt[1:] == (0, [0, 1, 2], False, 2)
    for module in model.modules():
        assert not module._forward_pre_hooks
        assert not module._forward_hooks


class Adversarial(lightning.pytorch.LightningModule):
    """Two networks with an optimizer each, stepped by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        torch.manual_seed(5)
        self.generator = CifarResNet(8, width=8)
        self.critic = CifarResNet(14, width=4)

    def training_step(self, batch: Any, batch_idx: int) -> None:
        image, label = batch
        of_critic, of_generator = self.optimizers()
        self.toggle_optimizer(of_critic)
        real = nn.functional.cross_entropy(self.critic(image), label)
        made = self.generator(image).mean(1)[:, None, None, None] * image
        of_critic.zero_grad()
        self.manual_backward(real + self.critic(made.detach()).mean())
        of_critic.step()
        self.untoggle_optimizer(of_critic)
        self.toggle_optimizer(of_generator)
        of_generator.zero_grad()
        made = self.generator(image).mean(1)[:, None, None, None] * image
        self.manual_backward(-self.critic(made).mean())
        of_generator.step()
        self.untoggle_optimizer(of_generator)
        self.log("critic_loss", real)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        networks = (self.critic, self.generator)
        return [torch.optim.SGD(one.parameters(), lr=0.01) for one in networks]


def test_each_of_two_networks_has_its_own_callback(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    both = [
        ResnetProbeCallback(run=name, network=name, every=1, strict=True)
        for name in ("generator", "critic")
    ]
    model = Adversarial()
    trainer(tmp_path, *both).fit(model, loader())
    frames = frames_by_run(spool)
    assert {name: len(found) for name, found in frames.items()} == {"generator": 6, "critic": 6}
    assert [len(frames[name][0].blocks) for name in ("generator", "critic")] == [3, 6]
    for found in frames.values():
        assert [frame.step for frame in found] == list(range(BATCHES))
        for frame in found:
            assert all(block.update_ratio for block in frame.blocks)
            assert "critic_loss" in frame.metrics
    for name, passes in (("critic", 2), ("generator", 1)):
        counts = {block.micro_batches for frame in frames[name] for block in frame.blocks}
        assert counts == {passes}, name


def test_the_largest_network_is_taken_where_none_is_named(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    model = Adversarial()
    assert sum(p.numel() for p in model.generator.parameters()) > sum(
        p.numel() for p in model.critic.parameters()
    )
    trainer(tmp_path, ResnetProbeCallback(every=1, strict=True)).fit(model, loader())
    assert [len(frame.blocks) for frame in frames_in(spool)] == [3] * BATCHES


def test_a_larger_part_that_is_never_called_costs_the_first_step_and_is_said(
    spool: pathlib.Path, tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = Classifier()
    model.calls_itself = False
    model.unused = CifarResNet(8, width=8)
    trainer(tmp_path, ResnetProbeCallback(every=1, strict=True)).fit(model, loader())
    assert [frame.step for frame in frames_in(spool)] == [1, 2, 3, 4, 5]
    said = [line for line in capfd.readouterr().err.splitlines() if "network=" in line]
    assert said == [
        (
            "resnet-probe: the callback takes 'model' for the network, from the second batch on;"
            " give network= to choose"
        )
    ]


def test_metrics_come_under_their_names_alone(spool: pathlib.Path, tmp_path: pathlib.Path) -> None:
    class Logging(Classifier):
        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            loss = super().training_step(batch, batch_idx)
            self.log("loss", loss, on_step=True, on_epoch=True)
            return loss

        def on_train_epoch_end(self) -> None:
            self.log("own_epoch", 1.0)

    options = {"max_epochs": 2, "log_every_n_steps": 2, "val_check_interval": 3}
    callback = ResnetProbeCallback(every=1000, strict=True)
    trainer(tmp_path, callback, **options).fit(Logging(), loader(), loader())
    logged: dict[str, set[int]] = {}
    folder = Folder(spool)
    for record in [*folder.of(FRAME), *folder.of(METRICS)]:
        for key in record.metrics():
            logged.setdefault(key, set()).add(int(record.number(1)))
    assert logged["loss"] == set(range(12))
    assert logged["val_loss"] == {2, 5, 8, 11}
    assert logged["loss_epoch"] == logged["own_epoch"] == {5, 11}
    assert logged["accuracy"] == {1, 3, 5, 7, 9, 11} | logged["val_loss"]


def test_the_hyperparameters_are_the_configuration(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    class Configured(Classifier):
        def __init__(self, width: int, api_token: str) -> None:
            super().__init__()
            self.save_hyperparameters()

    callback = ResnetProbeCallback(every=1, strict=True)
    trainer(tmp_path, callback).fit(Configured(4, "hidden"), loader())
    (path,) = spool.glob("*.rpj")
    content = path.read_bytes()
    assert b"width" in content
    assert b"(redacted)" in content
    assert b"hidden" not in content


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"evry": 5},
            r"the callback takes no evry=: give arguments of resnet_probe.attach \(run, ",
        ),
        ({"every": 0}, "cannot measure every 0 steps"),
        ({"scaler": None}, "the callback takes no scaler="),
        ({"mode": "off"}, "mode is 'off'"),
    ],
)
def test_an_argument_that_means_nothing_is_said_at_once(
    arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        ResnetProbeCallback(**arguments)


def test_a_network_that_is_not_there_is_said_and_training_goes_on(
    spool: pathlib.Path, tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fitting = trainer(tmp_path, ResnetProbeCallback(network="backbone"))
    fitting.fit(Classifier(), loader())
    assert fitting.global_step == BATCHES
    assert not list(spool.glob("*.rpj"))
    said = [line for line in capfd.readouterr().err.splitlines() if "resnet-probe" in line]
    assert said == [
        "resnet-probe: nothing is recorded: network='backbone' is no part of Classifier"
    ]


def test_a_disabled_callback_leaves_training_alone(
    spool: pathlib.Path, tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fitting = trainer(tmp_path, ResnetProbeCallback(mode="disabled"))
    fitting.fit(Classifier(), loader())
    assert fitting.global_step == BATCHES
    assert not list(spool.glob("*.rpj"))
    assert "resnet-probe" not in capfd.readouterr().err


@pytest.mark.parametrize("make", ["Classifier", "Adversarial"])
def test_two_processes_of_ddp_are_two_ranks_of_one_run(
    spool: pathlib.Path, tmp_path: pathlib.Path, make: str
) -> None:
    program = f"""
from pathlib import Path
from test_lightning import {make}, ResnetProbeCallback, loader, trainer
callback = ResnetProbeCallback(every=1, strict=True)
strategy = "ddp_spawn_find_unused_parameters_true"
trainer(Path(), callback, devices=2, strategy=strategy).fit({make}(), loader())
"""
    path = [str(ROOT / "Sources" / "python"), str(ROOT / "Tests" / "python")]
    outcome = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    heads = [records(path.read_bytes())[0] for path in spool.glob("*.rpj")]
    assert sorted(head.number(9) for head in heads) == [0, 1]
    assert [head.number(10) for head in heads] == [2, 2]
    assert heads[0].fields[3] == heads[1].fields[3]
    for attempt in ends(spool):
        assert attempt[1:] == (0, [0, 1, 2], True, 2)
    (frames,) = frames_by_run(spool).values()
    assert all(block.micro_batches == 1 for frame in frames for block in frame.blocks)
    assert all(block.update_ratio for frame in frames for block in frame.blocks)
