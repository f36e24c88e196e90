"""The contents of tensors, bit for bit: what tells one examination from another."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import types
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch


class Hash(Protocol):
    """One of hashlib's."""

    def update(self, data: Any, /) -> None:
        """Takes bytes in."""


def take_in(into: Hash, value: Any, depth: int = 8) -> None:
    """Takes a nested value into a hash: tensors by their bits, what is no plain value by its type."""
    if isinstance(value, torch.Tensor):
        _take_tensor(into, value)
    elif isinstance(value, Mapping) and depth:
        into.update(f"mapping {len(value)}".encode())
        for key in value:
            take_in(into, key, depth - 1)
            take_in(into, value[key], depth - 1)
    elif isinstance(value, (tuple, list)) and depth:
        into.update(f"parts {len(value)}".encode())
        for part in value:
            take_in(into, part, depth - 1)
    elif isinstance(value, (str, bytes, int, float, bool, type(None))):
        into.update(repr(value).encode("utf-8", "backslashreplace"))
    else:
        into.update(type(value).__qualname__.encode())  # what it prints may hold an address


def take_in_function(into: Hash, function: object, depth: int = 5) -> None:
    """Takes a callable into a hash by what it computes: its code, and what it was made with.

    So that two lambdas are two, and one is the same in another process. Of an object that is called
    the public attributes count: counters of calls are better private.
    """
    into.update(f"{type(function).__qualname__} {getattr(function, '__qualname__', '')}".encode())
    if depth == 0 or function is None:
        return
    if isinstance(function, functools.partial):
        take_in_function(into, function.func, depth - 1)
        _take_parts(into, {"args": function.args, **function.keywords}, depth)
    elif isinstance(function, types.MethodType):
        take_in_function(into, function.__func__, depth - 1)
        take_in_function(into, function.__self__, depth - 1)
    elif isinstance(function, types.FunctionType):
        _take_code(into, function.__code__)
        cells = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
        _take_parts(into, {"defaults": function.__defaults__ or (), "cells": cells}, depth)
    elif isinstance(function, torch.nn.Module):
        into.update(" ".join(repr(function).split()).encode("utf-8", "backslashreplace"))
        _take_parts(into, _public(function), depth)
        take_in(into, dict(function.state_dict()))
    elif callable(function) and hasattr(function, "__dict__"):
        take_in_function(into, type(function).__call__, depth - 1)
        _take_parts(into, _public(function), depth)


def _take_code(into: Hash, code: types.CodeType) -> None:
    into.update(code.co_code + repr(code.co_names).encode())
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _take_code(into, constant)
        else:  # the order of a set is another one in each process
            is_set = isinstance(constant, frozenset)
            into.update(repr(sorted(map(repr, constant)) if is_set else constant).encode())


def _take_parts(into: Hash, parts: Mapping[str, Any], depth: int) -> None:
    for name, part in parts.items():
        into.update(name.encode())
        for one in part if isinstance(part, (tuple, list)) else (part,):
            if callable(one):
                take_in_function(into, one, depth - 1)
            else:
                take_in(into, one)


def _public(thing: object) -> dict[str, Any]:
    skipped = {"training"}
    return {
        name: part
        for name, part in sorted(vars(thing).items())
        if not name.startswith("_") and name not in skipped
    }


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


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
