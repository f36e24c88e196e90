"""Trainings on several processes: each case is what every one of them runs."""

from collections.abc import Callable
from typing import Any

import torch
from resnet_probe import attach, find_blocks
from resnet_probe.training import run_record
from torch import Tensor, nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import (
    CheckpointWrapper,
    apply_activation_checkpointing,
)
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.distributed.fsdp import fully_shard
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    parallelize_module,
)
from torch.nn.parallel import DistributedDataParallel

from distributed_program import Place
from networks.cifar_resnet import CifarResNet
from networks.entry import mean_loss
from networks.gpt import GPT

LEARNING_RATE = 0.05
RUNS = ["aa" * 16, "bb" * 16]

CASES: dict[str, Callable[[Place], Any]] = {}


def case(function: Callable[[Place], Any]) -> Callable[[Place], Any]:
    """Enters a case."""
    CASES[function.__name__] = function
    return function


# Networks and batches: the tests make the same ones


def gpt() -> nn.Module:
    torch.manual_seed(5)
    return GPT(50, 16, 2, 2, 16, 0.0).double().train()


def resnet() -> nn.Module:
    torch.manual_seed(5)
    return CifarResNet(8, "B", 4).double().train()


def tokens(step: int, rank: int) -> Tensor:
    """As many rows as no other rank has."""
    draw = torch.Generator().manual_seed(100 * step + rank)
    return torch.randint(0, 50, (2 + rank, 6), generator=draw)


def images(step: int, rank: int, size: int = 8) -> Tensor:
    draw = torch.Generator().manual_seed(100 * step + rank)
    return torch.randn(4 + rank, 3, size, size, generator=draw, dtype=torch.float64)


class Chosen(nn.Module):
    """Three blocks, of which each forward runs some."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.blocks = nn.ModuleList([OneBlock(), OneBlock(), OtherBlock()])
        self.running = [0, 1, 2]
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for place in self.running:
            x = self.blocks[place](x)
        return x.mean((2, 3))


class OneBlock(nn.Module):
    """x + F(x)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x)  # type: ignore[no-any-return]


class OtherBlock(OneBlock):
    """Of another class: not found beside those that ran."""


def sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=LEARNING_RATE)


def step_of(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Tensor) -> None:
    """One plain step."""
    optimizer.zero_grad()
    mean_loss(model(batch)).backward()
    optimizer.step()


# Which run it is


@case
def group_after_attaching(place: Place) -> Any:
    network = resnet()
    optimizer = sgd(network.parameters())
    with attach(network, optimizer, every=1, strict=True) as probe:
        place.join()
        model = DistributedDataParallel(network)
        for step in range(2):
            step_of(model, optimizer, images(step, place.rank))
        return probe.run


@case
def identities_that_differ(place: Place) -> Any:
    place.join()
    model = DistributedDataParallel(resnet())
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1, id=RUNS[place.rank], step=0) as probe:
        early = probe.run
        step_of(model, optimizer, images(0, place.rank))
        return early, probe.run


@case
def steps_that_differ(place: Place) -> Any:
    """Rank 0 alone knows that the run goes on at step 499, of which every 50th is measured."""
    place.join()
    model = DistributedDataParallel(resnet())
    optimizer = sgd(model.parameters())
    first = 499 if place.rank == 0 else None
    with attach(model, optimizer, every=50, step=first, run="resumed") as probe:
        for step in range(103):
            step_of(model, optimizer, images(step, place.rank))
            probe.log(place=float(step))


@case
def only_rank_0_attaches(place: Place) -> Any:
    place.join()
    model = DistributedDataParallel(resnet())
    optimizer = sgd(model.parameters())
    probe = attach(model, optimizer, every=1, strict=True) if place.rank == 0 else None
    for step in range(2):
        step_of(model, optimizer, images(step, place.rank))
    if probe is not None:
        probe.finish()


@case
def only_rank_1_attaches(place: Place) -> Any:
    place.join()
    run_record.PATIENCE = 0.1
    model = DistributedDataParallel(resnet())
    optimizer = sgd(model.parameters())
    probe = attach(model, optimizer, every=1) if place.rank == 1 else None
    for step in range(2):
        step_of(model, optimizer, images(step, place.rank))
    if probe is None:
        return None
    was_recording = probe.is_recording
    probe.finish()
    return was_recording, probe.is_recording


@case
def rank_0_never_attaches(place: Place) -> Any:
    """Without the end of the attempt: so many steps that nobody waits longer."""
    place.join()
    model = DistributedDataParallel(Chosen())
    optimizer = sgd(model.parameters())
    run_record.MOST_WAITING = 3
    probe = attach(model, optimizer, every=1) if place.rank == 1 else None
    found = []
    for step in range(6):
        step_of(model, optimizer, images(step, place.rank))
        found.append(probe is not None and probe.is_recording)
    return found, len(model.module._forward_hooks)


@case
def no_group_at_all(place: Place) -> Any:
    import os

    os.environ |= {"RANK": str(place.rank), "WORLD_SIZE": str(place.world_size)}
    network = resnet()
    optimizer = sgd(network.parameters())
    with attach(network, optimizer, every=1) as probe:
        step_of(network, optimizer, images(0, place.rank))
        found = probe.is_recording
    del os.environ["RANK"], os.environ["WORLD_SIZE"]
    return found, len(network._forward_hooks)


@case
def a_store_that_an_earlier_start_wrote_to(place: Place) -> Any:
    """As torchrun keeps it over restarts."""
    place.join()
    model = DistributedDataParallel(resnet())
    optimizer = sgd(model.parameters())
    if place.rank == 0:
        store = torch.distributed.distributed_c10d._get_default_store()
        for what, value in (
            ("identity", "cc" * 32), ("first step", "7"), ("blocks", "cc" * 32 + " []")
        ):  # fmt: skip
            store.set(f"resnet-probe/0+2/CifarResNet/1/{what}", value)
    torch.distributed.barrier()
    probes = []
    if place.rank == 1:  # long before rank 0
        probes.append(attach(model, optimizer, every=1, strict=True))
    torch.distributed.barrier()
    if place.rank == 0:
        probes.append(attach(model, optimizer, every=1, strict=True))
    for step in range(2):
        step_of(model, optimizer, images(step, place.rank))
    probes[0].finish()
    return probes[0].run


@case
def two_networks(place: Place) -> Any:
    place.join()
    models = [DistributedDataParallel(resnet()) for _ in range(2)]
    optimizers = [sgd(model.parameters()) for model in models]
    pairs = zip(models, optimizers, ("generator", "critic"), strict=True)
    probes = [attach(m, o, every=1, run=name, strict=True) for m, o, name in pairs]
    for step in range(2):
        for model, optimizer in zip(models, optimizers, strict=True):
            step_of(model, optimizer, images(step, place.rank))
    for probe in probes if place.rank else reversed(probes):
        probe.finish()
    return [probe.run for probe in probes]


@case
def two_groups(place: Place) -> Any:
    """Ranks 0 and 2 train one network, ranks 1 and 3 another: two halves of a pipeline."""
    place.join()
    groups = [torch.distributed.new_group(ranks) for ranks in ([0, 2], [1, 3])]
    network = resnet() if place.rank % 2 == 0 else Chosen()
    model = DistributedDataParallel(network, process_group=groups[place.rank % 2])
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1, strict=True) as probe:
        for step in range(2):
            step_of(model, optimizer, images(step, place.rank))
        return probe.run


@case
def groups_of_one(place: Place) -> Any:
    place.join()
    groups = [torch.distributed.new_group([rank]) for rank in range(2)]
    model = DistributedDataParallel(resnet(), process_group=groups[place.rank])
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1, run=f"trial {place.rank}", strict=True) as probe:
        step_of(model, optimizer, images(0, place.rank))
        return probe.run


@case
def blocks_found_ahead(place: Place) -> Any:
    place.join()
    network = Chosen()
    model = DistributedDataParallel(network, find_unused_parameters=True)
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1, example=images(0, 0), strict=True):
        for step in range(2):
            network.running = [[0, 1], [2]][place.rank]
            step_of(model, optimizer, images(step, place.rank))


@case
def attached_again(place: Place) -> Any:
    place.join()
    model = DistributedDataParallel(resnet())
    optimizer = sgd(model.parameters())
    found = []
    for attempt in range(2):
        probe = attach(model if attempt else model.module, optimizer, every=1, strict=True)
        step_of(model, optimizer, images(attempt, place.rank))
        found.append(probe.run)
    probe.finish()
    return found


@case
def a_group_that_is_gone_before_the_end(place: Place) -> Any:
    place.join()
    model = DistributedDataParallel(resnet())
    optimizer = sgd(model.parameters())
    probe = attach(model, optimizer, every=1, strict=True)
    for step in range(2):
        step_of(model, optimizer, images(step, place.rank))
    torch.distributed.destroy_process_group()
    del model
    probe.log(accuracy=0.5)
    probe.finish("failed" if place.rank else "completed")
    return probe.run


# What is measured


@case
def rows_of_tokens(place: Place) -> Any:
    place.join()
    model = DistributedDataParallel(gpt())
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1, strict=True):
        for step in range(3):
            step_of(model, optimizer, tokens(step, place.rank))


@case
def static_graph_and_views_of_buckets(place: Place) -> Any:
    place.join()
    network = resnet()
    optimizer = sgd(network.parameters())
    with attach(network, optimizer, every=1, strict=True):
        model = DistributedDataParallel(
            network, static_graph=True, gradient_as_bucket_view=True, bucket_cap_mb=1
        )
        for step in range(3):
            step_of(model, optimizer, images(step, place.rank))


@case
def compiled_replicas(place: Place) -> Any:
    """Compiled inside the wrapper and outside of it."""
    place.join()
    for name in ("inside", "outside"):
        network = gpt()
        inner: Any = network
        if name == "inside":
            inner = torch.compile(network, backend="aot_eager")
        model: Any = DistributedDataParallel(inner)
        if name == "outside":
            model = torch.compile(model, backend="aot_eager")
        optimizer = sgd(network.parameters())
        with attach(model, optimizer, every=1, run=name, example=tokens(0, 0), strict=True):
            for step in range(2):
                step_of(model, optimizer, tokens(step, 0))


@case
def hook_of_communication_and_sharded_optimizer(place: Place) -> Any:
    place.join()
    model = DistributedDataParallel(resnet())
    model.register_comm_hook(None, default_hooks.allreduce_hook)
    optimizer = ZeroRedundancyOptimizer(
        model.parameters(), optimizer_class=torch.optim.SGD, lr=LEARNING_RATE
    )
    with attach(model, optimizer, every=1, strict=True):
        for step in range(3):
            step_of(model, optimizer, images(step, place.rank))


@case
def accumulation_without_sync(place: Place) -> Any:
    place.join()
    model = DistributedDataParallel(resnet())
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1, strict=True):
        for step in range(2):
            optimizer.zero_grad()
            with model.no_sync():
                for part in range(2):
                    (mean_loss(model(images(3 * step + part, place.rank))) / 3).backward()
            (mean_loss(model(images(3 * step + 2, place.rank))) / 3).backward()
            optimizer.step()


@case
def fewer_batches_on_rank_1(place: Place) -> Any:
    place.join()
    model = DistributedDataParallel(gpt())
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1, strict=True), model.join():
        for step in range(4 - 2 * place.rank):
            step_of(model, optimizer, tokens(step, place.rank))


def _chosen(place: Place, running: list[list[list[int]]], **options: Any) -> Any:
    """Blocks that run by rank and step."""
    place.join()
    network = Chosen()
    model = DistributedDataParallel(network, find_unused_parameters=True)
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1, **options):
        for step, places in enumerate(running[place.rank]):
            network.running = places
            step_of(model, optimizer, images(step, place.rank))


@case
def blocks_that_rank_1_finds_none_of(place: Place) -> Any:
    return _chosen(place, [[[0, 1]], [[2]]])


@case
def blocks_that_rank_1_runs_later(place: Place) -> Any:
    return _chosen(place, [[[0, 1, 2]] * 2, [[2, 0], [0]]], strict=True)


@case
def blocks_that_rank_0_runs_later(place: Place) -> Any:
    return _chosen(place, [[[0, 1]] * 2, [[0, 1, 2]] * 2])


@case
def blocks_that_rank_1_lacks(place: Place) -> Any:
    return _chosen(place, [[[0, 1, 2]] * 2, [[0, 1], [0, 1, 2]]])


@case
def images_of_other_sizes(place: Place) -> Any:
    place.join()
    model = DistributedDataParallel(resnet())
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1, strict=True):
        for step in range(2):
            step_of(model, optimizer, images(step, place.rank, 8 + 4 * place.rank))


@case
def collectives_counted(place: Place) -> Any:
    """How many collectives the same steps take without and with a probe."""
    place.join()
    group = torch.distributed.distributed_c10d._get_default_group()
    found = []
    for attaches in (False, True):
        model = DistributedDataParallel(resnet())
        optimizer = sgd(model.parameters())
        before = group._get_sequence_number_for_group()
        probe = attach(model, optimizer, every=1, strict=True) if attaches else None
        for step in range(3):
            step_of(model, optimizer, images(step, place.rank))
        if probe is not None:
            probe.finish()
        weights = [p.detach().clone() for p in model.parameters()]
        found.append((group._get_sequence_number_for_group() - before, weights))
    return found


# Sharded parameters


def _sharded(network: nn.Module, place: Place) -> nn.Module:
    """Each block a unit, and what is left another."""
    mesh = torch.distributed.init_device_mesh("cpu", (place.world_size,))
    for module in list(network.modules()):
        if type(module).__name__ in ("Block", "BasicBlock"):
            fully_shard(module, mesh=mesh)
    fully_shard(network, mesh=mesh)
    return network


@case
def sharded_rows_of_tokens(place: Place) -> Any:
    place.join()
    model = _sharded(gpt(), place)
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1, strict=True):
        for step in range(3):
            step_of(model, optimizer, tokens(step, place.rank))


@case
def sharded_in_other_units(place: Place) -> Any:
    """The network as one unit, each map and norm as one, and each checkpointed block."""
    place.join()
    mesh = torch.distributed.init_device_mesh("cpu", (place.world_size,))
    for name, kinds in (
        ("one unit", ()), ("leaves", (nn.Linear, nn.LayerNorm)), ("checkpoints", CheckpointWrapper)
    ):  # fmt: skip
        model = gpt()
        if name == "checkpoints":
            apply_activation_checkpointing(
                model, check_fn=lambda module: type(module).__name__ == "Block"
            )
        for module in list(model.modules()):
            if isinstance(module, kinds):
                fully_shard(module, mesh=mesh)
        if name != "leaves":
            fully_shard(model, mesh=mesh, reshard_after_forward=True)
        optimizer = sgd(model.parameters())
        with attach(model, optimizer, every=1, run=name, strict=True):
            for step in range(2):
                step_of(model, optimizer, tokens(step, place.rank))


@case
def sharded_and_compiled(place: Place) -> Any:
    """The weights after two steps without and with a probe."""
    place.join()
    found = []
    for attaches in (False, True):
        model = _sharded(gpt(), place)
        for block in model.transformer.h:  # type: ignore[union-attr,operator]
            block.compile(backend="aot_eager")
        optimizer = sgd(model.parameters())
        probe = attach(model, optimizer, every=1) if attaches else None
        for step in range(2):
            step_of(model, optimizer, tokens(step, 0))
        if probe is not None:
            probe.finish()
        found.append([p.to_local().detach().clone() for p in model.parameters()])  # type: ignore[operator]
    return found


@case
def sharded_with_a_block_map(place: Place) -> Any:
    """The blocks were found before the parameters were sharded; gradients are gathered over two."""
    place.join()
    network = resnet()
    found = find_blocks(network, images(0, 0))
    model = _sharded(network, place)
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1, blocks=found, strict=True):
        for step in range(2):
            optimizer.zero_grad()
            for part in range(2):
                model.set_requires_gradient_sync(part == 1)  # type: ignore[operator]
                (mean_loss(model(images(2 * step + part, place.rank))) / 2).backward()
            optimizer.step()


@case
def sharded_in_part(place: Place) -> Any:
    """One module of a block is sharded: the norms of the block are nobody's."""
    place.join()
    network = resnet()
    mesh = torch.distributed.init_device_mesh("cpu", (place.world_size,))
    fully_shard(network.layer1[0].conv1, mesh=mesh)  # type: ignore[index,union-attr]
    optimizer = sgd(network.parameters())
    with attach(network, optimizer, every=1, strict=True):
        for step in range(2):
            step_of(network, optimizer, images(step, place.rank))


@case
def tensor_parallel(place: Place) -> Any:
    place.join()
    network = gpt()
    mesh = torch.distributed.init_device_mesh("cpu", (place.world_size,))
    plan = {"c_fc": ColwiseParallel(), "c_proj": RowwiseParallel()}
    parallelize_module(network.transformer.h[0].mlp, mesh, plan)  # type: ignore[index,union-attr]
    optimizer = sgd(network.parameters())
    with attach(network, optimizer, every=1) as probe:
        step_of(network, optimizer, tokens(0, 0))
        return probe.is_recording
