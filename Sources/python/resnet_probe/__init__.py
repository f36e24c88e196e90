"""Measures the residual blocks of a PyTorch network while it trains.

`attach` records a training; `find_blocks` shows what would be recorded.
"""

from .attach import attach
from .blocks import Block, BlockMap
from .find import find_blocks
from .notices import ProbeError
from .probe import Probe
from .registry import register_block
from .release import VERSION as __version__
from .schedule import Schedule

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
    "find_blocks",
    "register_block",
    "watch",
]
