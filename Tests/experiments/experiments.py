"""All experiments by name."""

from __future__ import annotations

from experiments.claim import Experiment
from experiments.degradation import degradation
from experiments.depth import depth
from experiments.emergent import emergent
from experiments.exploding import exploding
from experiments.false_identity import false_identity
from experiments.gates import gates
from experiments.planted import planted
from experiments.predictors import predictors
from experiments.pruning import pruning
from experiments.redundancy import redundancy
from experiments.stochastic_depth import stochastic_depth
from experiments.traps import traps
from experiments.user_path import user_path
from experiments.weights import weights

EXPERIMENTS: dict[str, Experiment] = {
    "A": degradation,
    "A′": exploding,
    "B": depth,
    "C": stochastic_depth,
    "D": planted,
    "E": emergent,
    "F": predictors,
    "G": pruning,
    "H": weights,
    "I": gates,
    "K": false_identity,
    "R": redundancy,
    "T": traps,
    "U": user_path,
}
"""In the order in which they are run."""

FAST = ["A", "A′", "B", "D", "G", "H", "I", "K", "R", "T", "U"]
"""Those of which a small part takes seconds."""
