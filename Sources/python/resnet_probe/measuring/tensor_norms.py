"""Norms and inner products of many tensors in few kernels, as one vector on one device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

DTYPES = frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64})

_PLAIN = (Tensor, torch.nn.Parameter)
_ROW = 1024  # elements that one float32 sum may hold on the CPU: 4e-7 for equal elements
_SMALL = 4096  # elements below which a row is not worth its calls
_WIDE = 65_536  # elements up to which products are summed in double precision


def is_measured(tensor: Tensor) -> bool:
    """Whether norms of it are taken: dense, real floating point, with elements of its own.

    Not empty, lazy, meta, sparse, complex, quantised or distributed over processes (DTensor).
    """
    return (
        tensor.dtype in DTYPES
        and tensor.layout is torch.strided
        and not tensor.is_meta
        and (type(tensor) in _PLAIN or not _is_elsewhere(tensor))
        and tensor.numel() > 0
    )


def _is_elsewhere(tensor: Tensor) -> bool:
    return hasattr(tensor, "_local_tensor") or torch.nn.parameter.is_lazy(tensor)


def home_of(tensors: Sequence[Tensor]) -> torch.device:
    """The device where numbers of several tensors meet: the first that is no CPU's."""
    for tensor in tensors:
        if tensor.device.type != "cpu":
            return tensor.device
    return torch.device("cpu")


def flat(tensor: Tensor) -> Tensor:
    """All elements as one vector: in storage order and without a copy where the storage is dense.

    Dense: a permutation of dimensions makes it contiguous (channels_last, transposed). Otherwise in
    logical order, copied.
    """
    if tensor.is_contiguous():
        return tensor.view(-1)
    order = sorted(range(tensor.dim()), key=lambda axis: tensor.stride(axis), reverse=True)
    permuted = tensor.permute(order)
    if permuted.is_contiguous():
        return permuted.view(-1)
    return tensor.reshape(-1)


def wide(device: torch.device) -> torch.dtype:
    """The widest floating-point type of a device."""
    return torch.float32 if device.type == "mps" else torch.float64


def norms(tensors: Sequence[Tensor]) -> Tensor:  # (m,)
    """‖t‖ of each tensor, in order, of type `wide`, on the device of the first that is no CPU's.

    Sums of squares are taken in float32 (float64 for float64), of rows on the CPU, whose single
    float32 sum would be wrong by 4e-4 over two million equal elements. No synchronisation.
    """
    home = home_of(tensors)
    groups = _grouped(tensors)
    found: list[Tensor] = []
    for (device, dtype), places in groups.items():
        summed = torch.float64 if dtype is torch.float64 else torch.float32
        vectors = [tensors[place] for place in places]
        if device.type != "cuda":
            vectors = [shortened(vector) for vector in vectors]
        if vectors[0].dtype is summed:
            answers = list(torch._foreach_norm(vectors, 2))
        else:
            answers = [torch.linalg.vector_norm(vector, dtype=summed) for vector in vectors]
        found.append(torch.stack(answers).to(home, wide(home), non_blocking=True))
    return _in_order(found, list(groups.values()), home)


def inner_products(pairs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:  # (m,)
    """⟨u, v⟩ of each pair of equal shape and device, as `norms` has it.

    Products of up to 65,536 elements are summed in double precision, pairs of equal length at once;
    longer ones piece by piece in float32. No synchronisation.
    """
    home = home_of([u for u, _ in pairs])
    alike: dict[tuple[object, ...], list[int]] = {}
    vectors = [_aligned(u, v) for u, v in pairs]
    for place, (u, v) in enumerate(vectors):
        own = place if u.numel() > _WIDE else None
        alike.setdefault((u.device, u.numel(), u.dtype, v.dtype, own), []).append(place)
    found: list[Tensor] = []
    for places in alike.values():
        first = vectors[places[0]][0]
        if first.numel() > _WIDE:
            sums = _long_product(*vectors[places[0]]).view(1)
        else:
            kind = wide(first.device)
            left = torch.stack([vectors[place][0] for place in places]).to(kind)  # (m, n)
            right = torch.stack([vectors[place][1] for place in places]).to(kind)  # (m, n)
            sums = left.mul_(right).sum(dim=1)
        found.append(sums.to(home, wide(home), non_blocking=True))
    return _in_order(found, list(alike.values()), home)


def _in_order(
    found: Sequence[Tensor], places: Sequence[Sequence[int]], home: torch.device
) -> Tensor:
    """One vector of all numbers, each at its place."""
    if len(found) < 2:
        return found[0] if found else torch.empty(0, dtype=wide(home), device=home)
    order = [place for group in places for place in group]
    by_place = dict(zip(order, torch.cat(list(found)).unbind(), strict=True))
    return torch.stack([by_place[place] for place in range(len(order))])


def _grouped(tensors: Sequence[Tensor]) -> dict[tuple[torch.device, torch.dtype], list[int]]:
    groups: dict[tuple[torch.device, torch.dtype], list[int]] = {}
    for place, tensor in enumerate(tensors):
        groups.setdefault((tensor.device, tensor.dtype), []).append(place)
    return groups


def shortened(tensor: Tensor) -> Tensor:
    """A short vector with the norm of `tensor`; itself on CUDA and where that is short.

    Of the type that sums of squares are taken in.
    """
    if tensor.device.type == "cuda":
        return tensor
    summed = torch.float64 if tensor.dtype is torch.float64 else torch.float32
    count = tensor.numel()
    if count < _SMALL:
        return tensor.to(summed)
    vector = flat(tensor)
    rest = count % _ROW
    table = vector[: count - rest].view(-1, _ROW)
    rows: Tensor = torch.linalg.vector_norm(table, dim=1, dtype=summed)
    if rest == 0:
        return rows
    last = torch.linalg.vector_norm(vector[count - rest :], dtype=summed)
    return torch.cat([rows, last.view(1)])


def _aligned(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Both as vectors in one order of elements."""
    if u.stride() == v.stride():
        return flat(u), flat(v)
    return u.reshape(-1), v.reshape(-1)


def _long_product(u: Tensor, v: Tensor) -> Tensor:
    kind = torch.float64 if torch.float64 in (u.dtype, v.dtype) else torch.float32
    length = 4 * _WIDE if u.device.type == "cpu" else 256 * _WIDE  # bounds the memory of products
    parts = [
        (left.to(kind) * right.to(kind)).sum()  # pairwise: no error that grows with the length
        for left, right in zip(torch.split(u, length), torch.split(v, length), strict=True)
    ]
    return torch.stack(parts).to(wide(u.device)).sum()
