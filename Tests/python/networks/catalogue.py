"""Every network that the recorder is held to, with the blocks that are to be found in it.

Counts marked § are those that the project started from. The others were read from the code, as the
comments say; a ResNet of n blocks in s stages has s projections at most, one where channels or
size change.
"""

from .catalogue_libraries import LIBRARIES
from .catalogue_own import OWN
from .catalogue_unknown import UNKNOWN
from .entry import Entry, Example, mean_loss, tensors_of

CATALOGUE: tuple[Entry, ...] = (*OWN, *LIBRARIES, *UNKNOWN)
"""The rows: papers' networks, the libraries', users'."""


def entry(name: str) -> Entry:
    """The row of a network; KeyError where there is none."""
    for row in CATALOGUE:
        if row.name == name:
            return row
    raise KeyError(name)


__all__ = ["CATALOGUE", "Entry", "Example", "entry", "mean_loss", "tensors_of"]
