"""Statistics of parameters against closed forms and a brute force in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from resnet_probe.measuring.parameters import FIELDS, BlockParameters, ParameterPass
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

NAN = float("nan")


def block(
    *parameters: Tensor, gate: Tensor | None = None, last: Sequence[Tensor] = ()
) -> BlockParameters:
    return BlockParameters(0, list(parameters), gate, list(last))


def with_gradient(value: Tensor, gradient: Tensor | None) -> nn.Parameter:
    parameter = nn.Parameter(value)
    parameter.grad = gradient
    return parameter


def random(
    *shape: int, dtype: torch.dtype = torch.float32, seed: int = 0, scale: float = 1.0
) -> nn.Parameter:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(2, *shape, generator=generator, dtype=torch.float64) * scale
    return with_gradient(values[0].to(dtype), values[1].to(dtype))


def brute(blocks: Sequence[BlockParameters], scale: float = 1.0) -> list[list[float]]:
    """The definitions, in float64, one parameter after another."""

    def square(tensors: Sequence[Tensor]) -> float:
        return sum(float((t.detach().double() ** 2).sum()) for t in tensors)

    rows = []
    for one in blocks:
        gradients = [p.grad for p in one.parameters if p.grad is not None]
        products = [
            float((p.detach().double() * p.grad.double()).sum())
            for p in one.last_map
            if p.grad is not None
        ]
        rows.append(
            [
                math.sqrt(square(one.parameters)) if one.parameters else NAN,
                math.sqrt(square(gradients)) / scale if gradients else NAN,
                NAN if one.gate is None else math.sqrt(square([one.gate]) / one.gate.numel()),
                sum(products) / scale if products else NAN,
            ]
        )
    return rows


def elements(parameters: Sequence[Tensor], capacity: int) -> Tensor:
    """Every k-th element over all parameters in storage order, in float64, element by element."""
    stored: list[float] = []
    for parameter in parameters:
        value = parameter.detach()
        axes = sorted(range(value.dim()), key=lambda axis: -value.stride(axis))
        stored += value.permute(axes).double().flatten().tolist()
    every = next(k for k in range(1, len(stored) + 1) if math.ceil(len(stored) / k) <= capacity)
    return torch.tensor(stored[::every], dtype=torch.float64)


def agree(measured: Tensor, expected: Any, rel: float = 1e-6) -> None:
    torch.testing.assert_close(
        measured, torch.tensor(expected, dtype=torch.float64), rtol=rel, atol=0, equal_nan=True
    )


def test_closed_form() -> None:
    weight = with_gradient(torch.tensor([[3.0, 0.0], [0.0, 4.0]]), torch.full((2, 2), 2.0))
    gate = with_gradient(torch.tensor([1.0, 7.0]), torch.tensor([3.0, 0.0]))
    shift = with_gradient(torch.tensor([1.0, 2.0]), torch.tensor([10.0, 100.0]))
    measured = ParameterPass([block(weight, gate, shift, gate=gate, last=[gate, shift])])
    table = measured.before()
    assert FIELDS == ("weight_norm", "gradient_norm", "gate_rms", "gate_gradient")
    agree(table, [[math.sqrt(80), math.sqrt(25 + 10_100), 5.0, 213.0]])
    with torch.no_grad():
        for parameter in (weight, gate, shift):
            parameter.mul_(0.75)
    agree(measured.after(), [0.25])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_blocks_of_one_type_as_by_brute_force(dtype: torch.dtype) -> None:
    blocks = []
    for seed in range(3):
        big, small, gate = (
            random(*shape, dtype=dtype, seed=10 * seed + place, scale=3.0)
            for place, shape in enumerate([(70, 9, 3, 3), (5,), (70,)])
        )
        blocks.append(block(big, small, gate, gate=gate, last=[gate, small]))
    measured = ParameterPass(blocks, capacity=1000)
    agree(measured.before(), brute(blocks))
    before = [elements(one.parameters, 1000) for one in blocks]
    for one in blocks:
        for parameter in one.parameters:
            parameter.data.add_(parameter.grad, alpha=-0.1)
    after = [elements(one.parameters, 1000) for one in blocks]
    expected = [float((b - a).norm() / a.norm()) for a, b in zip(before, after, strict=True)]
    agree(measured.after(), expected, rel=2e-6)


def test_a_block_of_many_types_and_gradients_of_another_type() -> None:
    kinds = [torch.float16, torch.float32, torch.bfloat16, torch.float64]
    parameters = [random(300, dtype=kind, seed=place) for place, kind in enumerate(kinds)]
    stored = nn.Parameter(torch.linspace(-1, 1, 40, dtype=torch.bfloat16))
    stored.grad_dtype = None  # a gradient of any type
    stored.grad = torch.linspace(0, 1, 40, dtype=torch.float32)
    blocks = [block(*parameters, stored, last=[stored, *parameters])]
    measured = ParameterPass(blocks)
    agree(measured.before(), brute(blocks))
    before = elements(parameters, 10_000)
    with torch.no_grad():
        for parameter in parameters:
            parameter.mul_(1.5)
    moved = (elements(parameters, 10_000) - before).norm()
    agree(measured.after(), [float(moved / elements_norm(before, stored))])


def elements_norm(first: Tensor, second: Tensor) -> Tensor:
    return torch.cat([first, second.detach().double()]).norm()


def test_equal_elements_by_the_million_keep_their_digits() -> None:
    count = 3_000_001
    weight = with_gradient(torch.full((count,), 0.1), torch.full((count,), 1e-3))
    blocks = [block(weight, last=[weight])]
    agree(ParameterPass(blocks).before(), brute(blocks))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_long_last_map_as_by_brute_force(dtype: torch.dtype) -> None:
    weight = random(300, 301, dtype=dtype)
    weight.grad = (weight.detach() * 0.5).to(dtype)
    blocks = [block(weight, last=[weight])]
    agree(ParameterPass(blocks).before(), brute(blocks))


def test_half_precision_does_not_overflow() -> None:
    weight = with_gradient(torch.full((10_000,), 300.0).half(), torch.full((10_000,), 1e-4).half())
    blocks = [block(weight, gate=weight, last=[weight])]
    agree(ParameterPass(blocks).before(), brute(blocks))


def test_the_scale_divides_what_is_of_gradients() -> None:
    weight = random(50)
    blocks = [block(weight, gate=weight, last=[weight])]
    measured = ParameterPass(blocks)
    scale = torch.tensor(64.0)
    table = measured.before(scale)
    agree(table, brute(blocks, 64.0))
    scale.fill_(1.0)
    agree(table, brute(blocks, 64.0))


def test_what_is_absent_is_nan() -> None:
    frozen = nn.Parameter(torch.ones(3), requires_grad=False)
    seen = with_gradient(torch.ones(4), torch.ones(4))
    blocks = [
        block(),
        block(frozen, gate=frozen, last=[frozen]),
        block(frozen, seen, last=[frozen, seen]),
        block(nn.Parameter(torch.empty(0)), gate=torch.empty(0)),
    ]
    measured = ParameterPass(blocks)
    table = measured.before()
    agree(
        table,
        [
            [NAN, NAN, NAN, NAN],
            [math.sqrt(3), NAN, 1.0, NAN],
            [math.sqrt(7), 2.0, NAN, 4.0],
            [NAN, NAN, NAN, NAN],
        ],
    )
    agree(measured.after(), [NAN, 0.0, 0.0, NAN])
    assert ParameterPass([]).before().shape == (0, 4)
    assert ParameterPass([]).after().shape == (0,)


def test_gradients_come_and_go_between_steps() -> None:
    first, second = random(5, seed=1), random(6, seed=2)
    blocks = [block(first, second), block(second)]
    measured = ParameterPass(blocks)
    for gradients in [(None, None), (None, torch.ones(6)), (torch.ones(5), None)]:
        first.grad, second.grad = gradients
        agree(measured.before(), brute(blocks))


def test_what_has_no_norm_is_left_out() -> None:
    plain = with_gradient(torch.ones(4), torch.ones(4))
    sparse = nn.Parameter(torch.full((4,), 2.0))
    sparse.grad = torch.zeros(4).to_sparse()
    unusual: list[Any] = [
        nn.Parameter(torch.ones(3, dtype=torch.complex64)),
        nn.Parameter(torch.empty(3, device="meta")),
        nn.UninitializedParameter(),
        nn.Parameter(torch.ones(3, dtype=torch.int8), requires_grad=False),
    ]
    measured = ParameterPass([block(*unusual, plain, sparse, last=[*unusual, sparse])])
    agree(measured.before(), [[math.sqrt(20), 2.0, NAN, NAN]])
    agree(ParameterPass([block(*unusual, gate=unusual[0])]).before(), [[NAN] * 4])


def test_a_parameter_distributed_over_processes_is_left_out() -> None:
    distributed = pytest.importorskip("torch.distributed")
    tensors = pytest.importorskip("torch.distributed.tensor")
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        mesh = distributed.init_device_mesh("cpu", (1,))
        sharded = nn.Parameter(tensors.distribute_tensor(torch.ones(4), mesh))
        plain = with_gradient(torch.ones(4), tensors.distribute_tensor(torch.ones(4), mesh))
        measured = ParameterPass([block(sharded, gate=sharded, last=[sharded]), block(plain)])
        agree(measured.before(), [[NAN] * 4, [2.0, NAN, NAN, NAN]])
        agree(measured.after(), [NAN, 0.0])
    finally:
        distributed.destroy_process_group()


def test_a_parameter_of_two_blocks_counts_in_both() -> None:
    shared, own = random(20, seed=1), random(30, seed=2)
    blocks = [block(shared, own, last=[shared]), block(shared, gate=shared)]
    measured = ParameterPass(blocks)
    agree(measured.before(), brute(blocks))
    shared.data.mul_(2.0)
    expected = shared.detach().double().norm() / 2
    whole = (expected**2 + own.detach().double().norm() ** 2).sqrt()
    agree(measured.after(), [float(expected / whole), 1.0])


def test_values_that_are_not_finite_stay_in_their_block() -> None:
    broken, sound = random(5, seed=1), random(6, seed=2)
    broken.grad = torch.full((5,), float("inf"))
    blocks = [block(broken, last=[broken]), block(sound, last=[sound])]
    table = ParameterPass(blocks).before()
    assert not math.isfinite(table[0, 1])
    assert not math.isfinite(table[0, 3])
    agree(table[1], brute(blocks)[1])


@pytest.mark.parametrize("capacity", [1, 7, 64, 130, 131, 1000])
def test_the_update_is_seen_at_every_kth_element(capacity: int) -> None:
    parameters = [random(*shape, seed=place) for place, shape in enumerate([(9, 7), (4,), (8, 8)])]
    measured = ParameterPass([block(*parameters)], capacity)
    measured.before()
    before = elements(parameters, capacity)
    for place, parameter in enumerate(parameters):
        parameter.data.add_(random(*parameter.shape, seed=50 + place).detach())
    after = elements(parameters, capacity)
    agree(measured.after(), [float((after - before).norm() / before.norm())])
    assert len(before) <= capacity


@pytest.mark.parametrize("form", ["channels_last", "transposed", "sliced", "gradient alone"])
def test_memory_formats_do_not_matter(form: str) -> None:
    weight = random(70, 8, 3, 3)
    gradient = weight.grad
    if form == "channels_last":
        weight.data = weight.data.to(memory_format=torch.channels_last)
        weight.grad = weight.grad.to(memory_format=torch.channels_last)
    elif form == "transposed":
        weight = nn.Parameter(weight.detach().flatten(1).t())
        weight.grad = gradient.flatten(1).t()
    elif form == "sliced":
        weight = nn.Parameter(random(70, 16, 3, 3).detach()[:, ::2])
        weight.grad = gradient
    else:
        weight.grad = gradient.to(memory_format=torch.channels_last)
    blocks = [block(weight, last=[weight])]
    measured = ParameterPass(blocks, capacity=100)
    agree(measured.before(), brute(blocks), rel=1e-5)
    before = elements([weight], 100)
    weight.data.add_(weight.grad)
    moved = elements([weight], 100) - before
    agree(measured.after(), [float(moved.norm() / before.norm())])


def test_the_memory_format_may_change_after_the_pass_is_made() -> None:
    weight = random(70, 8, 3, 3)
    blocks = [block(weight)]
    measured = ParameterPass(blocks, capacity=100)
    measured.before()
    measured.after()
    weight.data = weight.data.to(memory_format=torch.channels_last)
    agree(measured.before(), brute(blocks))
    before = elements([weight], 100)
    weight.data = (weight.data * weight.data).contiguous(memory_format=torch.channels_last)
    agree(measured.after(), [float((elements([weight], 100) - before).norm() / before.norm())])


def test_a_parameter_that_was_given_another_size_is_looked_at_anew() -> None:
    weight = nn.Parameter(random(1000).detach())
    measured = ParameterPass([block(weight)], capacity=100)
    measured.before()
    weight.data = random(200, seed=1).detach()
    measured.before()
    before = elements([weight], 100)
    weight.data.pow_(2)
    agree(measured.after(), [float((elements([weight], 100) - before).norm() / before.norm())])


def test_an_update_of_zero_weights_has_no_ratio() -> None:
    weight, other = random(5), random(5)
    weight.data.zero_()
    measured = ParameterPass([block(weight), block(other)])
    measured.before()
    weight.data.add_(1.0)
    other.data.mul_(3.0)
    agree(measured.after(), [NAN, 2.0])
    agree(measured.after(), [NAN, NAN])  # without a `before`


class Watchful(TorchDispatchMode):
    """Refuses what would synchronise a GPU, and keeps the size of the largest new tensor."""

    waiting = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal", "item")

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        super().__init__()
        tensors = [t for p in parameters for t in (p, p.grad) if t is not None]
        self.known = {t.untyped_storage().data_ptr() for t in tensors}
        self.largest = 0

    def __torch_dispatch__(  # noqa: ANN204
        self,
        func: Any,
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ):
        name = func.overloadpacket.__name__
        assert name not in self.waiting, name
        assert name != "index"
        assert not name.startswith("index_put")
        output = func(*args, **(kwargs or {}))
        for tensor in output if isinstance(output, (tuple, list)) else [output]:
            new = isinstance(tensor, Tensor)
            if new and tensor.untyped_storage().data_ptr() not in self.known:
                self.largest = max(self.largest, tensor.untyped_storage().nbytes())
        return output


@pytest.mark.parametrize("format_of", [torch.contiguous_format, torch.channels_last])
def test_nothing_waits_for_the_device_or_copies_whole_parameters(
    format_of: torch.memory_format,
) -> None:
    weight = random(128, 128, 3, 3)
    weight.data = weight.data.to(memory_format=format_of)
    weight.grad = weight.grad.to(memory_format=format_of)
    gate = random(128)
    measured = ParameterPass([block(weight, gate, gate=gate, last=[gate])], capacity=500)
    scale = torch.tensor(2.0)
    with Watchful([weight, gate]) as watchful:
        measured.before(scale)
        measured.after()
    assert 0 < watchful.largest <= 128 * 9 * 128 * 4 // 100


def test_a_long_last_map_is_multiplied_piece_by_piece() -> None:
    weight = random(1_200_000)
    measured = ParameterPass([block(weight, last=[weight])], capacity=500)
    with Watchful([weight]) as watchful:
        measured.before()
    assert 0 < watchful.largest <= 2**20


def test_autocast_around_the_step_changes_nothing() -> None:
    weight, gate = random(300, 300, seed=1), random(30, seed=2)
    blocks = [block(weight, gate, gate=gate, last=[weight, gate])]
    measured = ParameterPass(blocks)
    bare = measured.before()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(measured.before(), bare)
