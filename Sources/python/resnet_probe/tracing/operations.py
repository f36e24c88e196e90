"""What the operations of torch mean to a trace: which are maps, copies, norms, masks.

Names are those that a torch function mode sees: `x + y` is `add`, `x += y` is `add_`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

#: Sums of two tensors: where a branch may join its shortcut.
ADDS = frozenset({"add", "add_"})
#: Joins along one dimension: where a dense block may join its new maps to the reused ones.
CATS = frozenset({"cat", "concat", "concatenate"})
#: Both.
JOINS = ADDS | CATS
#: Maps with weights, if one of their arguments is a parameter: what makes a branch a branch.
MAPS = frozenset(
    {
        "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
        "linear", "matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "addmm", "baddbmm", "einsum",
        "bilinear", "multi_head_attention_forward", "opaque", "lstm", "gru", "rnn_tanh", "rnn_relu",
        "scaled_mm", "tensordot", "inner", "mv", "addmv", "deform_conv2d",
    }
)  # fmt: skip
#: The same values in another shape, type or place, in the same order.
COPIES = frozenset(
    {
        "view", "reshape", "contiguous", "clone", "flatten", "unflatten", "to", "type", "type_as",
        "float", "half", "bfloat16", "double", "cuda", "cpu", "squeeze", "unsqueeze",
        "view_as", "reshape_as", "ravel", "requires_grad_", "squeeze_", "unsqueeze_", "alias",
    }
)  # fmt: skip
#: Poolings, which keep the sign.
POOLINGS = frozenset(
    {"max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d",
     "boolean_dispatch", "adaptive_avg_pool2d", "adaptive_max_pool2d", "dropout"}
)  # fmt: skip
#: The same values in another order of dimensions.
PERMUTATIONS = frozenset(
    {"permute", "transpose", "swapaxes", "swapdims", "movedim", "t", "__get__"}
)
#: Operations that make a mask of what is random: each value is 0 or one and the same number.
MASKING = frozenset(
    {"bernoulli", "bernoulli_", "lt", "le", "gt", "ge", "floor", "floor_", "round", "round_",
     "logical_not"}
)  # fmt: skip
#: Operations that a mask stays a mask under.
MASK_KEEPING = frozenset(
    {"mul", "mul_", "multiply", "div", "div_", "true_divide", "expand", "expand_as", "to_dense"}
)
#: Normalisations.
NORMS = frozenset(
    {
        "batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm",
        "local_response_norm", "native_layer_norm", "native_batch_norm", "native_group_norm",
    }
)  # fmt: skip
#: A ReLU in any spelling.
RELUS = frozenset({"relu", "relu_"})
#: Elementwise activations.
ACTIVATIONS = RELUS | frozenset(
    {
        "relu6", "gelu", "silu", "mish", "elu", "elu_", "selu", "celu", "leaky_relu", "leaky_relu_",
        "hardswish", "hardsigmoid", "hardtanh", "tanh", "sigmoid", "softplus", "prelu", "rrelu",
        "logsigmoid", "softsign", "tanhshrink", "hardshrink", "softshrink", "glu", "tanh_",
        "sigmoid_", "hardtanh_", "threshold", "clamp", "clamp_", "clip",
    }
)  # fmt: skip
#: Products with a scalar, a gate or a mask.
SCALINGS = frozenset({"mul", "mul_", "multiply", "div", "div_", "true_divide"})
#: Dropout of single elements or channels.
DROPOUTS = frozenset(
    {"dropout", "dropout_", "alpha_dropout", "feature_dropout", "dropout1d", "dropout2d",
     "dropout3d", "feature_alpha_dropout"}
)  # fmt: skip
#: Results that depend on their argument's shape alone.
SHAPED = frozenset(
    {
        "zeros_like", "ones_like", "empty_like", "full_like", "new_zeros", "new_ones", "new_empty",
        "new_full", "new_tensor", "rand_like", "randn_like", "randint_like", "detach", "detach_",
    }
)  # fmt: skip
#: Questions about a tensor's form, which read none of its values.
QUESTIONS = frozenset(
    {
        "__get__", "dim", "ndimension", "size", "numel", "nelement", "stride", "storage_offset",
        "element_size", "is_floating_point", "is_complex", "is_contiguous", "is_signed", "__len__",
        "get_device", "data_ptr", "untyped_storage",
    }
)  # fmt: skip
#: Results that are random.
RANDOM = frozenset(
    {
        "rand", "randn", "rand_like", "randn_like", "bernoulli", "bernoulli_", "uniform_",
        "normal_", "randint", "random_", "normal",
    }
)  # fmt: skip


def name_of(function: Callable[..., Any]) -> str:
    """The operation's name as the sets above have it."""
    return getattr(function, "__name__", "") or ""


def keep_probability(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> float | None:
    """The share of values above 0 in the random mask that an operation makes, where it says so.

    In the spellings of stochastic depth: `bernoulli_(keep)`, `rand(…) < keep`, `floor(keep + rand)`
    (of which this sees the sum), `dropout(ones, p)`.
    """
    number = next((a for a in (*args[1:], *args[:1]) if type(a) in (int, float)), None)
    if name in {"bernoulli_", "bernoulli"}:
        number = kwargs.get("p", number)
    elif name in DROPOUTS:
        number = kwargs.get("p", number)
        number = None if number is None else 1 - number
    elif name in {"ge", "gt"}:
        number = None if number is None else 1 - number
    elif name not in {"lt", "le"} and name not in ADDS:
        return None
    is_probability = isinstance(number, (int, float)) and 0 <= number <= 1
    return float(number) if is_probability and number is not None else None


def multiply_accumulates(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: torch.Tensor
) -> int | None:
    """The multiply-accumulates of one call; None for an operation that is not a known map."""
    out = result.numel()
    if name.startswith("conv"):
        weight = args[1] if len(args) > 1 else kwargs["weight"]
        source = args[0] if args else kwargs["input"]
        each = weight.numel() // max(1, weight.shape[0])
        return int((source.numel() if "transpose" in name else out) * each)
    if name == "linear":
        weight = args[1] if len(args) > 1 else kwargs["weight"]
        return int(out * weight.shape[-1])
    if name in {"matmul", "__matmul__", "mm", "bmm"}:
        return int(out * args[0].shape[-1])
    if name in {"addmm", "baddbmm"}:
        return int(out * args[1].shape[-1])
    if name == "scaled_dot_product_attention":
        query, key = args[0], args[1]
        return int(query.numel() * key.shape[-2] + out * key.shape[-2])
    if name == "multi_head_attention_forward":
        return _attention(args, kwargs)
    return None


def _attention(args: Sequence[Any], kwargs: Mapping[str, Any]) -> int | None:
    """Four square maps and two products with every key; (T, N, D) or (T, D) tensors."""
    query, key = (args[0], args[1]) if len(args) > 1 else (kwargs["query"], kwargs["key"])
    width = query.shape[-1]
    own = 2 * query.numel() * width + key.numel() * 2 * width
    return int(own + 2 * query.numel() * key.shape[0])
