"""What training goes on with stays what it was, bit for bit, while a network is examined."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from resnet_probe.finding.find import kept_randomness


@dataclass(slots=True)
class Written:
    """Which parameters a forward in eval mode wrote; known once all is put back."""

    parameters: list[str] = field(default_factory=list)


@contextmanager
def kept_state(*modules: torch.nn.Module) -> Iterator[Written]:
    """Eval mode without gradients; afterwards modes, buffers and generators are as before.

    Modes are set one by one: a network's own `train` may do more than that (merge adapters, say).
    Parameters and buffers are written back where their bits changed, unseen by a graph that waits
    for its backward pass; each by itself, whatever has become of the others. Casts of autocast are
    not kept for the training's own passes.
    """
    written = Written()
    every = dict.fromkeys(part for module in modules for part in module.modules())
    names: dict[torch.nn.Module, str] = {}
    for module in modules:
        for name, part in module.named_modules():
            names.setdefault(part, name)
    kept = [_KeptModule(module, names[module]) for module in every]
    caches = torch.is_autocast_cache_enabled()
    with kept_randomness():
        try:
            torch.set_autocast_cache_enabled(False)
            for module in every:
                module.training = False
            with torch.no_grad():
                yield written
        finally:
            torch.set_autocast_cache_enabled(caches)
            with torch.no_grad():
                for one in kept:
                    one.put_back(written)


class _KeptModule:
    """One module as it was, without what is within it."""

    def __init__(self, module: torch.nn.Module, name: str) -> None:
        self._module = module
        self._name = name
        self._training = module.training
        self._parameters = {key: _kept(p, "cpu") for key, p in module._parameters.items()}
        self._buffers = {key: _kept(buffer) for key, buffer in module._buffers.items()}
        self._non_persistent = set(module._non_persistent_buffers_set)

    def put_back(self, written: Written) -> None:
        """Undoes what became of it."""
        module = self._module
        module.training = self._training
        for own, before in (
            (module._parameters, self._parameters),
            (module._buffers, self._buffers),
        ):
            parts = {key: None if one is None else one.tensor for key, one in before.items()}
            if list(own) != list(parts) or any(own[key] is not parts[key] for key in parts):
                own.clear()
                own.update(parts)  # type: ignore[arg-type]
        if module._non_persistent_buffers_set != self._non_persistent:
            module._non_persistent_buffers_set = self._non_persistent
        for key, one in self._parameters.items():
            if one is not None and one.put_back(module._parameters, key):
                written.parameters.append(f"{self._name}.{key}" if self._name else key)
        for key, one in self._buffers.items():
            if one is not None:
                one.put_back(module._buffers, key)


class _KeptTensor:
    """A tensor, where it has its elements, and what they were."""

    def __init__(self, tensor: torch.Tensor, device: str | None) -> None:
        self.tensor = tensor
        self._place = tensor.detach()
        own = tensor.device if device is None else torch.device(device)
        self._before = self._place.to(own, copy=True)

    def put_back(self, into: MutableMapping[str, Any], key: str) -> bool:
        """Whether there was something to put back; what can take nothing any more is replaced."""
        try:
            is_same = _is_same_place(self.tensor, self._place)
            if not is_same:
                self.tensor.data = self._place
            if same_bits(self._place.to(self._before.device), self._before):
                return not is_same
            self._place.copy_(self._before)  # not the tensor: its count of writes stays
            return True
        except Exception:
            with suppress(Exception):
                self.tensor.data = self._before.to(self._place.device)
                return True
            with suppress(Exception):
                into[key] = self._before.to(self._place.device)
        return True


def _kept(tensor: torch.Tensor | None, device: str | None = None) -> _KeptTensor | None:
    """None where there is nothing, or nothing yet."""
    return None if tensor is None or is_lazy(tensor) else _KeptTensor(tensor, device)


def _is_same_place(one: torch.Tensor, other: torch.Tensor) -> bool:
    if (one.dtype, one.shape, one.device, one.layout) != (
        other.dtype, other.shape, other.device, other.layout,
    ):  # fmt: skip
        return False
    if one.layout != torch.strided:
        return True
    return one.stride() == other.stride() and one.data_ptr() == other.data_ptr()


def autocast_state(network: torch.nn.Module) -> str:
    """Which types autocast computes in where the network is."""
    device = next((p.device.type for p in network.parameters()), "cpu")
    try:
        is_on, kind = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    except TypeError:  # before torch 2.4
        is_on, kind = torch.is_autocast_enabled(), torch.get_autocast_gpu_dtype()
    except (RuntimeError, ValueError):  # a device without autocast
        return ""
    return str(kind) if is_on else ""


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors of one shape and type are equal bit for bit."""
    if one.layout != torch.strided or one.is_quantized or not one.is_floating_point():
        return torch.equal(one, other)
    return torch.equal(_bits(one), _bits(other))


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)
