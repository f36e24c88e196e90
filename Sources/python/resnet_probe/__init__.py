"""Measures the residual blocks of a PyTorch network while it trains.

`attach` records a training; `find_blocks` shows what would be recorded; `bypass` leaves blocks out.
"""

from resnet_probe.attach import attach
from resnet_probe.blocks import Block, BlockMap
from resnet_probe.bypassing.bypass import bypass
from resnet_probe.finding.find import find_blocks
from resnet_probe.finding.registry import register_block
from resnet_probe.notices import ProbeError
from resnet_probe.probe import Probe
from resnet_probe.release import VERSION as __version__
from resnet_probe.schedule import Schedule

#: Another name for `attach`.
watch = attach

__all__ = [
    "Block",
    "BlockMap",
    "Probe",
    "ProbeError",
    "Schedule",
    "__version__",
    "attach",
    "bypass",
    "find_blocks",
    "register_block",
    "watch",
]
