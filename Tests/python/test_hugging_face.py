"""Hugging Face's Trainer with the callback: its frames are those of a loop written by hand."""

import json
import os
import pathlib
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # before the library is imported

import pytest
import resnet_probe
import torch
import transformers
from resnet_probe.integrations.transformers import ResnetProbeCallback
from torch import nn
from torch.utils.data import Dataset

from frames import frames_by_run, frames_in
from journals import FRAME, METRICS, Folder
from processes import finished
from test_lightning import Skipping, ends, same

STEPS = 6


class Images(Dataset[dict[str, torch.Tensor]]):
    """Images in memory."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(3)
        self.pixels = torch.randn(4 * STEPS, 3, 8, 8, generator=generator)
        self.labels = torch.randint(0, 5, (4 * STEPS,), generator=generator)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> dict[str, torch.Tensor]:
        return {"pixel_values": self.pixels[place], "labels": self.labels[place]}


class Texts(Dataset[dict[str, torch.Tensor]]):
    """Rows of tokens, the second half of some no text."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(3)
        self.tokens = torch.randint(0, 50, (4 * STEPS, 8), generator=generator)

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, place: int) -> dict[str, torch.Tensor]:
        mask = torch.ones(8, dtype=torch.long)
        mask[8 - place % 3 :] = 0
        labels = torch.where(mask == 1, self.tokens[place], -100)
        return {"input_ids": self.tokens[place], "attention_mask": mask, "labels": labels}


def vit() -> nn.Module:
    torch.manual_seed(5)
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        image_size=8, patch_size=4, num_labels=5,
    )  # fmt: skip
    return transformers.ViTForImageClassification(config)


def gpt2() -> nn.Module:
    torch.manual_seed(5)
    config = transformers.GPT2Config(
        vocab_size=50, n_positions=8, n_embd=16, n_layer=2, n_head=2, resid_pdrop=0.0,
        embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config)


def trainer(
    folder: pathlib.Path, model: nn.Module, data: Any, callback: Any, kind: Any = None,
    **options: Any,
) -> Any:  # fmt: skip
    defaults = {
        "output_dir": str(folder),
        "use_cpu": True,
        "per_device_train_batch_size": 4,
        "num_train_epochs": 1,
        "learning_rate": 0.01,
        "lr_scheduler_type": "constant",
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "logging_steps": 3,
    }
    arguments = transformers.TrainingArguments(**{**defaults, **options})
    kind = kind or transformers.Trainer
    made = kind(model=model, args=arguments, train_dataset=data, eval_dataset=data)
    made.add_callback(callback)
    return made


class InOrder(transformers.Trainer):
    """A Trainer that takes the samples as they lie."""

    def _get_train_sampler(self, *_: Any) -> Any:
        return torch.utils.data.SequentialSampler(self.train_dataset)


def by_hand(model: nn.Module, data: Any, accumulation: int = 1) -> None:
    """The same training as a loop."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.0, fused=True)
    planned = STEPS // accumulation
    with resnet_probe.attach(
        model, optimizer, run="by hand", every=1, steps=planned, strict=True
    ) as probe:
        loader = list(torch.utils.data.DataLoader(data, batch_size=4))
        for start in range(0, STEPS, accumulation):
            batches = loader[start : start + accumulation]
            items: dict[str, Any] = {}
            if "input_ids" in batches[0]:
                count = sum(int((batch["labels"] != -100).sum()) for batch in batches)
                items = {"num_items_in_batch": torch.tensor(count)}
            total = 0.0
            for batch in batches:
                loss = model(**batch, **items).loss
                loss = loss if items else loss / accumulation
                loss.backward()
                total += float(loss.detach())
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            probe.log(loss=total)


@pytest.mark.parametrize("accumulation", [1, 3])
@pytest.mark.parametrize(("make", "data"), [(vit, Images), (gpt2, Texts)])
def test_frames_are_those_of_a_loop(
    spool: pathlib.Path, tmp_path: pathlib.Path, make: Any, data: Any, accumulation: int
) -> None:
    callback = ResnetProbeCallback(run="trainer", every=1, strict=True)
    options = {"gradient_accumulation_steps": accumulation, "eval_strategy": "steps"}
    trainer(tmp_path, make(), data(), callback, InOrder, eval_steps=2, **options).train()
    by_hand(make(), data(), accumulation)
    frames = frames_by_run(spool)
    same(frames["trainer"], frames["by hand"])
    assert len(frames["trainer"]) == STEPS // accumulation
    assert all(block.micro_batches == accumulation for block in frames["trainer"][0].blocks)


def test_a_checkpoint_carries_the_run_on(spool: pathlib.Path, tmp_path: pathlib.Path) -> None:
    first = ResnetProbeCallback(every=1, strict=True)
    options = {"save_strategy": "steps", "save_steps": 2}
    trainer(tmp_path, vit(), Images(), first, **options).train()
    checkpoint = tmp_path / "checkpoint-4"
    again = ResnetProbeCallback(every=1, strict=True)
    resumed = trainer(tmp_path, vit(), Images(), again, num_train_epochs=2)
    resumed.train(resume_from_checkpoint=str(checkpoint))
    one, two = ends(spool)
    assert one[1:] == (0, list(range(STEPS)), True, STEPS - 1)
    assert two[1:] == (4, list(range(4, 2 * STEPS)), True, 2 * STEPS - 1)
    assert one[0] == two[0]
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    kept = state["stateful_callbacks"]["ResnetProbeCallback"]
    assert kept["attributes"] == {"kept": {"id": one[0], "step": 4}}


def test_a_callback_that_trainer_restores_itself_goes_on_too(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    options: dict[str, Any] = {"save_strategy": "steps", "save_steps": 2}
    first = ResnetProbeCallback(run="restored", every=1, strict=True)
    trainer(tmp_path, vit(), Images(), first, **options).train()
    options |= {"restore_callback_states_from_checkpoint": True, "num_train_epochs": 2}
    resumed = trainer(tmp_path, vit(), Images(), ResnetProbeCallback(), **options)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))
    one, two = ends(spool)
    assert one[0] == two[0]
    assert two[1:] == (4, list(range(4, 2 * STEPS)), True, 2 * STEPS - 1)
    assert list(frames_by_run(spool)) == ["restored"]


def test_a_checkpoint_from_before_the_callback_can_be_resumed_and_saved(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    options: dict[str, Any] = {"save_strategy": "steps", "save_steps": 2}
    trainer(tmp_path, vit(), Images(), transformers.TrainerCallback(), **options).train()
    callback = ResnetProbeCallback(every=1, strict=True)
    resumed = trainer(tmp_path, vit(), Images(), callback, num_train_epochs=2, **options)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))
    (attempt,) = ends(spool)
    assert attempt[1:] == (4, list(range(4, 2 * STEPS)), True, 2 * STEPS - 1)


def test_training_again_is_another_run(spool: pathlib.Path, tmp_path: pathlib.Path) -> None:
    made = trainer(tmp_path, vit(), Images(), ResnetProbeCallback(every=1, strict=True))
    made.train()
    made.train()
    one, two = ends(spool)
    assert one[0] != two[0]
    assert one[1:] == two[1:] == (0, list(range(STEPS)), True, STEPS - 1)


class Failing(InOrder):
    """A Trainer whose fourth batch cannot be computed."""

    batches = 0

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        self.batches += 1
        if self.batches == 4:
            raise ArithmeticError("the fourth batch")
        return super().training_step(*args, **kwargs)


def test_a_training_that_raised_has_failed_when_the_next_one_begins(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    made = trainer(
        tmp_path, vit(), Images(), ResnetProbeCallback(every=1, strict=True), kind=Failing
    )
    with pytest.raises(ArithmeticError, match="the fourth batch"):
        made.train()
    made.train()
    one, two = ends(spool)
    assert one[1:] == (0, [0, 1, 2], False, 2)
    assert two[1:] == (0, list(range(STEPS)), True, STEPS - 1)


def test_a_training_that_raised_has_failed_though_the_script_goes_on_to_its_end(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    finished(
        """
from pathlib import Path
from test_hugging_face import Failing, Images, ResnetProbeCallback, trainer, vit
callback = ResnetProbeCallback(every=1, strict=True)
try:
    trainer(Path(sys.argv[1]), vit(), Images(), callback, kind=Failing).train()
except ArithmeticError:
    print("caught")
""",
        tmp_path,
    )
    (attempt,) = ends(spool)
    assert attempt[1:] == (0, [0, 1, 2], False, 2)


def test_what_trainer_logs_comes_under_its_names(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    callback = ResnetProbeCallback(every=1000, strict=True)
    options = {"eval_strategy": "steps", "eval_steps": 2}
    trainer(tmp_path, vit(), Images(), callback, InOrder, **options).train()
    logged: dict[str, set[int]] = {}
    folder = Folder(spool)
    for record in [*folder.of(FRAME), *folder.of(METRICS)]:
        for key in record.metrics():
            logged.setdefault(key, set()).add(int(record.number(1)))
    assert logged["loss"] == set(range(STEPS))  # each step's own, not the mean of the last three
    assert logged["grad_norm"] == logged["learning_rate"] == {2, 5}
    assert logged["eval_loss"] == {1, 3, 5}
    assert logged["train_loss"] == {5}


def test_a_network_that_returns_no_loss_has_the_loss_that_trainer_logs(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    class Computing(InOrder):
        def compute_loss(self, model: nn.Module, inputs: Any, *_: Any, **__: Any) -> torch.Tensor:
            return nn.functional.cross_entropy(
                model(inputs["pixel_values"]).logits, inputs["labels"]
            )

    callback = ResnetProbeCallback(every=1, strict=True)
    trainer(tmp_path, vit(), Images(), callback, Computing, logging_steps=2).train()
    losses = [frame.loss for frame in frames_in(spool)]
    assert [loss is not None for loss in losses] == [False, True] * 3


class Scaled(InOrder):
    """A Trainer with a gradient scaler, which Accelerate makes on a GPU for fp16."""

    def create_accelerator_and_postprocess(self) -> None:
        super().create_accelerator_and_postprocess()
        self.accelerator.scaler = Skipping("cpu", init_scale=1024.0, growth_interval=1000)
        self.accelerator.native_amp = True

    def create_optimizer(self, *_: Any) -> Any:
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)
        return self.optimizer


def test_accelerates_scaler_is_found_and_skipped_steps_are_marked(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    callback = ResnetProbeCallback(every=1, strict=True)
    trainer(tmp_path, vit(), Images(), callback, Scaled, max_grad_norm=0).train()
    frames = frames_in(spool)
    assert [frame.loss_scale for frame in frames] == [1024.0] * 3 + [512.0] * 3
    assert [frame.skipped for frame in frames] == [False, False, True, False, False, False]
    norms = [frame[0].gradient_norm for frame in frames if not frame.skipped]
    assert all(norm is not None and 0 < norm < 50 for norm in norms)


def test_gradient_checkpointing_changes_no_statistic(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    for name, is_on in (("checkpointed", True), ("plain", False)):
        callback = ResnetProbeCallback(run=name, every=1, strict=True)
        trainer(tmp_path, gpt2(), Texts(), callback, InOrder, gradient_checkpointing=is_on).train()
    frames = frames_by_run(spool)
    same(frames["checkpointed"], frames["plain"])
    assert len(frames["plain"]) == STEPS


def test_a_network_that_trainer_compiles_is_recorded_with_its_loss(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    options = {"torch_compile": True, "torch_compile_backend": "aot_eager", "max_steps": 2}
    for name, own in (("compiled", options), ("eager", {"max_steps": 2})):
        callback = ResnetProbeCallback(run=name, every=1, strict=True)
        trainer(tmp_path, gpt2(), Texts(), callback, InOrder, **own).train()
    frames = frames_by_run(spool)
    for ours, theirs in zip(frames["compiled"], frames["eager"], strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)
        for one, other in zip(ours.blocks, theirs.blocks, strict=True):
            assert one.stream_rms is not None
            assert other.stream_rms is not None
            assert one.samples == other.samples
            assert one.stream_rms.value == pytest.approx(other.stream_rms.value, rel=1e-4)
            assert one.update_ratio == pytest.approx(other.update_ratio, rel=1e-3)


def test_a_disabled_callback_leaves_training_alone(
    spool: pathlib.Path, tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = vit()
    made = trainer(tmp_path, model, Images(), ResnetProbeCallback(mode="disabled"))
    assert made.train().global_step == STEPS
    assert not list(spool.glob("*.rpj"))
    assert "resnet-probe" not in capfd.readouterr().err
    assert not any(module._forward_hooks for module in model.modules())


def test_the_callback_imports_nothing_until_it_is_asked_for() -> None:
    finished(
        """
import resnet_probe
assert not {"lightning", "pytorch_lightning", "transformers", "accelerate"} & set(sys.modules)
"""
    )


@pytest.mark.parametrize(
    ("module", "absent", "words"),
    [
        (
            "lightning",
            ["lightning", "pytorch_lightning"],
            "resnet_probe.integrations.lightning needs Lightning, which cannot be imported",
        ),
        (
            "transformers",
            ["transformers"],
            "resnet_probe.integrations.transformers needs Hugging Face's transformers",
        ),
    ],
)
def test_a_library_that_is_not_there_is_one_line(
    module: str, absent: list[str], words: str
) -> None:
    output, _ = finished(
        f"""
sys.modules.update(dict.fromkeys({absent}))
try:
    import resnet_probe.integrations.{module}
except ImportError as error:
    print(error)
"""
    )
    (line,) = output.splitlines()
    assert line.startswith(words)
    assert "pip install" in line
