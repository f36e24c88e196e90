"""The contents of tensors, bit for bit: what tells one examination from another."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch


class Hash(Protocol):
    """One of hashlib's."""

    def update(self, data: Any, /) -> None:
        """Takes bytes in."""


def take_in(into: Hash, value: Any) -> None:
    """Takes a nested value into a hash: tensors by their bits, anything else by what it prints."""
    if isinstance(value, torch.Tensor):
        _take_tensor(into, value)
    elif isinstance(value, Mapping):
        into.update(f"mapping {len(value)}".encode())
        for key in value:
            into.update(repr(key).encode())
            take_in(into, value[key])
    elif isinstance(value, (tuple, list)):
        into.update(f"parts {len(value)}".encode())
        for part in value:
            take_in(into, part)
    elif isinstance(value, (str, bytes, int, float, bool, type(None))):
        into.update(repr(value).encode("utf-8", "backslashreplace"))
    else:
        into.update(type(value).__qualname__.encode())  # what it prints may hold an address


def contents_of(network: torch.nn.Module) -> bytes:
    """Follows from a network's parameters and buffers: their names, shapes and bits."""
    into = hashlib.sha256()
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        into.update(name.encode())
        take_in(into, tensor)
    return into.digest()


def identity_of(parts: Sequence[bytes]) -> bytes:
    """Sixteen bytes that follow from some others."""
    into = hashlib.sha256()
    for part in parts:
        into.update(len(part).to_bytes(8, "little") + part)
    return into.digest()[:16]


def _take_tensor(into: Hash, tensor: torch.Tensor) -> None:
    into.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    if tensor.layout != torch.strided or tensor.is_quantized:
        tensor = tensor.to_dense() if not tensor.is_quantized else tensor.int_repr()
    tensor = tensor.detach().resolve_conj().resolve_neg().to("cpu").contiguous()
    length = tensor.numel() * tensor.element_size()
    if length:
        into.update((ctypes.c_char * length).from_address(tensor.data_ptr()))
