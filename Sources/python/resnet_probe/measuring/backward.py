"""Whether a backward pass trains: saliency maps and attacks differentiate too."""

from __future__ import annotations

from collections.abc import Callable

import torch

from resnet_probe.sharding import used_parameters_of


def trains(model: torch.nn.Module) -> Callable[[], bool]:
    """Asks, from within a backward pass, whether it adds to the gradients of a network's parameters.

    `torch.autograd.grad` does not, nor does `backward(inputs=…)` of other tensors: such a pass is no
    training. One answer a pass is kept.
    """
    known: dict[int, bool] = {}

    def ask() -> bool:
        task = torch._C._current_graph_task_id()
        if task not in known:
            known.clear()
            known[task] = _reaches(model)
        return known[task]

    return ask


def _reaches(model: torch.nn.Module) -> bool:
    """Whether the backward pass under way, in this graph, adds to any parameter's gradient."""
    for _, parameter in used_parameters_of(model):
        if not parameter.requires_grad or not parameter.is_leaf:
            continue
        node = torch.autograd.graph.get_gradient_edge(parameter).node
        try:
            if torch._C._will_engine_execute_node(node):
                return True
        except RuntimeError:  # autograd.grad of this very parameter
            continue
    return False
