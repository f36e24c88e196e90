"""Measures the residual blocks of a PyTorch network while it trains."""

from resnet_probe.notices import ProbeError
from resnet_probe.release import VERSION as __version__

__all__ = ["ProbeError", "__version__"]
