"""`find_blocks`: the blocks of a network, without training it and without changing it."""

from __future__ import annotations

import copy
import random
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch

from resnet_probe.blocks import BlockMap
from resnet_probe.finding.registry import declared_in
from resnet_probe.finding.search import Search, searching
from resnet_probe.notices import ProbeError
from resnet_probe.sharding import class_of, has_sharded
from resnet_probe.tracing.trace import tensors_in


def find_blocks(
    model: torch.nn.Module, example: Any = None, *, blocks: Mapping[str, str] | None = None,
    sample: Literal["row", "token"] | None = None,
) -> BlockMap:  # fmt: skip
    """The residual blocks of a network (or what stands in for them), found in one forward pass.

    The pass runs on a copy without data (the meta device) where the network allows that, else on
    the network with at most two rows of the example; parameters, buffers and the state of random
    number generators stay bit for bit what they were.

    Args:
        model: The network, in the mode in which it trains.
        example: A batch as the network takes it: a tensor, a mapping (of keyword arguments, else
            one argument), or a tuple of arguments, the last of which may be a mapping of keyword
            arguments. None: an image batch of as many channels as the first convolution takes, if
            the network begins with one.
        blocks: A map of one's own from module names to "residual", "plain" or "none": then these
            alone are blocks. See also `register_block`.
        sample: What one sample is, where the default (a row; of (N, T, D) tensors a token) is wrong.

    Raises:
        ProbeError: In one line, where there is no example to try or the network does not run on it.
    """
    return found_in(
        model, calls_of(model, example), blocks, sample, has_example=example is not None
    )


def found_in(
    model: torch.nn.Module, calls: Sequence[Arguments], blocks: Mapping[str, str] | None,
    sample: Literal["row", "token"] | None, *, has_example: bool = True,
) -> BlockMap:  # fmt: skip
    """The blocks found with the first arguments that the network runs on; see `find_blocks`."""
    declared_in(model, blocks)  # raises where the map names no module
    if any(isinstance(p, torch.nn.UninitializedParameter) for p in model.parameters()):
        raise ProbeError.explain(
            "find the blocks of", type(model).__name__, "it has lazy parameters without a shape",
            "run it once first",
        )  # fmt: skip
    if has_sharded(model):
        raise ProbeError.explain(
            "find the blocks of", class_of(model).__name__, "its parameters are sharded",
            "call find_blocks before fully_shard, or let attach find them while it trains",
        )  # fmt: skip
    problems: list[Exception] = []
    for args, kwargs in calls:
        for attempt in (_on_meta, _for_real):
            try:
                return attempt(model, args, kwargs, blocks, sample)
            except Exception as problem:
                problems.append(problem)
    reason = " ".join(str(problems[-1]).split()) or type(problems[-1]).__name__
    tried = "the example"
    if not has_example:
        tried = f"an image batch of shape {tuple(_image_for(model).shape)}"
    raise ProbeError.explain(
        "find the blocks of", type(model).__name__, f"it does not run on {tried} ({reason[:300]})",
        "give example= a batch as the training loop does",
    )  # fmt: skip


Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def calls_of(model: torch.nn.Module, example: Any) -> list[Arguments]:
    """The arguments that an example may stand for, the likeliest first."""
    if example is None:
        example = _image_for(model)
    args = tuple(example) if isinstance(example, (tuple, list)) else (example,)
    if args and isinstance(args[-1], Mapping) and all(isinstance(key, str) for key in args[-1]):
        return [(args[:-1], dict(args[-1])), (args, {})]
    return [(args, {})]


def _image_for(model: torch.nn.Module) -> torch.Tensor:
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            size = 224 if module.stride[0] > 1 else 32
            height, width = _image_size(model) or (size, size)
            return torch.zeros(2, module.in_channels, height, width)
        if isinstance(module, (torch.nn.Linear, torch.nn.Embedding, torch.nn.Conv1d)):
            break
    raise ProbeError.explain(
        "find the blocks of", type(model).__name__, "it does not begin with a 2-D convolution, so"
        " that no example can be guessed", "give example= a batch as the training loop does",
    )  # fmt: skip


def _image_size(model: torch.nn.Module) -> tuple[int, int] | None:
    """The size of images that a network says of itself, as torchvision's and timm's do."""
    embedding = getattr(model, "patch_embed", None)
    configuration = getattr(model, "pretrained_cfg", None)
    stated = [
        getattr(embedding, "img_size", None),
        getattr(model, "image_size", None),
        getattr(model, "img_size", None),
        configuration.get("input_size") if isinstance(configuration, Mapping) else None,
    ]
    for size in stated:
        if isinstance(size, int):
            return size, size
        if isinstance(size, (tuple, list)) and len(size) >= 2:
            return int(size[-2]), int(size[-1])
    return None


def _on_meta(
    model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
    chosen: Mapping[str, str] | None, sample: Any,
) -> BlockMap:  # fmt: skip
    """On a copy whose parameters and buffers have shapes but no data."""
    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        memo[id(parameter)] = torch.nn.Parameter(
            torch.empty_like(parameter, device="meta"), parameter.requires_grad
        )
    for buffer in model.buffers():
        memo[id(buffer)] = torch.empty_like(buffer, device="meta")
    with kept_randomness():
        twin = copied(model, memo)
        moved = (
            _mapped(args, lambda t: t.detach().to("meta")),
            _mapped(kwargs, lambda t: t.detach().to("meta")),
        )
        return _run(twin, moved, chosen, sample)


def _for_real(
    model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
    chosen: Mapping[str, str] | None, sample: Any,
) -> BlockMap:  # fmt: skip
    """On a copy, or where there can be none on the network itself; two rows at most."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))

    batches = [*args, *kwargs.values()]
    sizes = {p.shape[0] if isinstance(p, torch.Tensor) and p.ndim else None for p in batches}
    is_one_batch = len(sizes) == 1 and None not in sizes

    def small(tensor: torch.Tensor) -> torch.Tensor:
        tensor = tensor.detach().to(device)
        return tensor[:2] if is_one_batch else tensor

    moved = _mapped(args, small), _mapped(kwargs, small)
    with kept_randomness():
        try:
            twin = copied(model)
        except Exception:
            with _kept_buffers(model):
                return _run(model, moved, chosen, sample)
        return _run(twin, moved, chosen, sample)


def _run(
    model: torch.nn.Module, arguments: Arguments, chosen: Mapping[str, str] | None, sample: Any
) -> BlockMap:
    args, kwargs = arguments
    search = Search(model, _call, sample_axis=sample, chosen=chosen)
    with torch.enable_grad(), searching(search, tensors_in((args, kwargs))), uncompiled():
        output = model(*args, **kwargs)
    return search.blocks(output)


def _call(function: Callable[..., Any], *args: Any) -> Any:
    with torch._C.DisableTorchFunction():  # the tap does not see what the search itself does
        return function(*args)


def _mapped(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(part, change) for key, part in value.items()}
    if isinstance(value, (tuple, list)) and type(value) in (tuple, list):
        return type(value)(_mapped(part, change) for part in value)
    return value


def copied(model: torch.nn.Module, memo: dict[int, Any] | None = None) -> torch.nn.Module:
    """A copy of which no part is compiled."""
    twin = copy.deepcopy(model, memo)
    for module in list(twin.modules()):
        for name, part in module._modules.items():
            if type(part).__name__ == "OptimizedModule":
                module._modules[name] = part._modules["_orig_mod"]  # type: ignore[union-attr]
        if hasattr(module.__dict__.get("forward"), "_torchdynamo_orig_callable"):
            del module.__dict__["forward"]
    return twin


#: Held while the compiler's stance is changed, which is one for all threads. A search may come up
#: within another one: in a callback of the network.
_stance = threading.RLock()


@contextmanager
def uncompiled() -> Iterator[None]:
    """Lets compiled parts of a network run as they are written."""
    if "torch._dynamo" not in sys.modules:
        yield
        return
    with _stance, torch.compiler.set_stance("force_eager"):
        yield


@contextmanager
def _kept_buffers(model: torch.nn.Module) -> Iterator[None]:
    kept = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in kept:
                buffer.copy_(before)


@contextmanager
def kept_randomness() -> Iterator[None]:
    """Puts back the generators of torch, Python and NumPy (if that is loaded)."""
    state, python = torch.get_rng_state(), random.getstate()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    numpy = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy is not None else None
    try:
        yield
    finally:
        torch.set_rng_state(state)
        random.setstate(python)
        if devices:
            torch.cuda.set_rng_state_all(devices)
        if numpy is not None:
            numpy.random.set_state(numpy_state)
