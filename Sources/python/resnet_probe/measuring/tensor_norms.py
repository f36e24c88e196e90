"""Norms and inner products of many tensors in few kernels, each as one scalar on its device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

DTYPES = frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64})

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
        and not hasattr(tensor, "_local_tensor")
        and not torch.nn.parameter.is_lazy(tensor)
        and tensor.numel() > 0
    )


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


def norms(tensors: Sequence[Tensor]) -> list[Tensor]:
    """‖t‖ of each tensor, one scalar of type `wide` each, in order.

    Sums of squares are taken in float32 (float64 for float64), of rows on the CPU, whose single
    float32 sum would be wrong by 4e-4 over two million equal elements. No synchronisation.
    """
    found: list[Tensor | None] = [None] * len(tensors)
    for (device, dtype), places in _grouped(tensors).items():
        summed = torch.float64 if dtype is torch.float64 else torch.float32
        vectors = [tensors[place] for place in places]
        if device.type != "cuda":
            vectors = [_row_norms(vector, summed) for vector in vectors]
        if vectors[0].dtype is summed:
            answers = list(torch._foreach_norm(vectors, 2))
        else:
            answers = [torch.linalg.vector_norm(vector, dtype=summed) for vector in vectors]
        widened: Sequence[Tensor] = list(torch.stack(answers).to(wide(device)))
        for place, answer in zip(places, widened, strict=True):
            found[place] = answer
    return [norm for norm in found if norm is not None]


def inner_products(pairs: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """⟨u, v⟩ of each pair of equal shape and device, one scalar of type `wide` each, in order.

    Products of up to 65,536 elements are summed in double precision, pairs of equal length at once;
    longer ones piece by piece in float32. No synchronisation.
    """
    found: list[Tensor | None] = [None] * len(pairs)
    alike: dict[tuple[object, ...], list[int]] = {}
    vectors = [_aligned(u, v) for u, v in pairs]
    for place, (u, v) in enumerate(vectors):
        if u.numel() > _WIDE:
            found[place] = _long_product(u, v)
        else:
            alike.setdefault((u.device, u.numel(), u.dtype, v.dtype), []).append(place)
    for places in alike.values():
        kind = wide(vectors[places[0]][0].device)
        left = torch.stack([vectors[place][0] for place in places]).to(kind)  # (m, n)
        right = torch.stack([vectors[place][1] for place in places]).to(kind)  # (m, n)
        sums: Sequence[Tensor] = list(left.mul_(right).sum(dim=1))
        for place, answer in zip(places, sums, strict=True):
            found[place] = answer
    return [product for product in found if product is not None]


def _grouped(tensors: Sequence[Tensor]) -> dict[tuple[torch.device, torch.dtype], list[int]]:
    groups: dict[tuple[torch.device, torch.dtype], list[int]] = {}
    for place, tensor in enumerate(tensors):
        groups.setdefault((tensor.device, tensor.dtype), []).append(place)
    return groups


def _row_norms(tensor: Tensor, summed: torch.dtype) -> Tensor:
    """A short vector with the norm of `tensor`, or `tensor` itself where that is short."""
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
