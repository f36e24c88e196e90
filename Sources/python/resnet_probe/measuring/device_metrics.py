"""Numbers logged as tensors on a device: read later, without making the device wait."""

from __future__ import annotations

import torch

from resnet_probe.measuring.packed import Layout, Packed

#: How many tensors are gathered before they are copied to the host together.
GATHERED = 64


class DeviceMetrics:
    """Keeps scalars on their device, copies them together, hands them out once they are here.

    For one training thread. The order in which they were logged is kept.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, str, torch.Tensor]] = []
        self._in_flight: list[tuple[list[tuple[int, str]], Packed]] = []

    def add(self, step: int, values: dict[str, torch.Tensor]) -> None:
        """Takes one-element tensors of a step."""
        for key, value in values.items():
            self._waiting.append((step, key, value.detach()))
        if len(self._waiting) >= GATHERED:
            self.start()

    def start(self) -> None:
        """Starts the copy of what was gathered; that waits for nothing."""
        waiting, self._waiting = self._waiting, []
        by_device: dict[torch.device, list[tuple[int, str, torch.Tensor]]] = {}
        for entry in waiting:
            by_device.setdefault(entry[2].device, []).append(entry)
        for entries in by_device.values():
            values = torch.stack([value.reshape(()).float() for _, _, value in entries])
            packed = Packed(values, Layout([], 0, [None] * len(entries)))
            packed.to_host()
            self._in_flight.append(([(step, key) for step, key, _ in entries], packed))

    def renumber(self, ahead: int) -> None:
        """Counts the steps of all that is kept from `ahead` more on."""
        self._waiting = [(step + ahead, key, value) for step, key, value in self._waiting]
        self._in_flight = [
            ([(step + ahead, key) for step, key in keys], packed)
            for keys, packed in self._in_flight
        ]

    def ready(self, *, wait: bool = False) -> list[tuple[int, dict[str, float]]]:
        """What has come, by step in the order of logging; with `wait`, all that is under way."""
        found: list[tuple[int, dict[str, float]]] = []
        while self._in_flight and (wait or self._in_flight[0][1].is_ready()):
            keys, packed = self._in_flight.pop(0)
            for (step, key), number in zip(keys, packed.unpack()[1], strict=True):
                if not found or found[-1][0] != step:
                    found.append((step, {}))
                found[-1][1][key] = number
        return found


def number_in(value: object) -> object:
    """What a logged value is: a number, a tensor on a device that holds one, else nothing.

    Nothing (None) is what the recording passes over and says so.
    """
    try:
        if isinstance(value, torch.Tensor):
            value = value.detach()
            is_number = value.numel() == 1 and not value.is_complex() and not value.is_meta
            if not is_number or type(value) not in (torch.Tensor, torch.nn.Parameter):
                return None
            return float(value) if value.device.type == "cpu" else value
        if isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
            return None
        return float(value)
    except Exception:
        return None
