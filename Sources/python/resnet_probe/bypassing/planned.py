"""Which blocks a plan leaves out, in whatever form the plan comes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from resnet_probe.blocks import Block
from resnet_probe.bypassing.shown import shown, shown_value
from resnet_probe.notices import ProbeError

#: What `resnet-probe plan --json` writes.
FORMAT = "resnet-probe.plan/1"

#: The most parameters that a block can be said to have.
MOST = (1 << 63) - 1

#: What a plan says of a block in a word.
WORDS = ("kind", "shortcut", "activation")

WRITE = "write it with `resnet-probe plan --json`"

#: What `plan=` may be: a file, its text, what is in it, or names of blocks.
Plan = str | os.PathLike[str] | Mapping[str, Any] | Iterable[str | Block]


@dataclass(frozen=True, slots=True)
class PlannedBlock:
    """One block to be left out, as far as the plan says what it is."""

    name: str
    kind: str | None = None
    parameters: int | None = None
    shortcut: str | None = None
    activation: str | None = None


def read_plan(plan: Any) -> list[PlannedBlock]:
    """The blocks of a plan, each once, in its order.

    Raises:
        ProbeError: In one line, for what is no plan.
    """
    if isinstance(plan, (str, os.PathLike)):
        plan = _parsed(plan)
    found = _of_document(plan) if isinstance(plan, Mapping) else _of_names(plan)
    return list({one.name: one for one in found}.values())


def _parsed(plan: str | os.PathLike[str]) -> Any:
    """The document that a file holds, or that a text is."""
    ends = plan.strip()[:1] + plan.strip()[-1:] if isinstance(plan, str) else ""
    if isinstance(plan, str) and (ends[:1] == "{" or ends == "[]"):
        subject, text = "a text", plan
    else:
        subject = os.fsdecode(plan)
        try:
            with open(plan, encoding="utf-8") as file:
                text = file.read()
        except (OSError, ValueError) as problem:
            words = getattr(problem, "strerror", None) or "it is no text"
            raise _refusal(
                subject, words, "give a file of `resnet-probe plan --json`, or a list of names"
            ) from None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as problem:
        words = "nested too deeply" if isinstance(problem, RecursionError) else str(problem)
        raise _refusal(subject, f"it is no JSON ({words})", WRITE) from None
    if isinstance(document, str):  # no list of the names that its letters are
        raise _refusal(subject, "it holds a text, and no document", WRITE)
    return document


def _of_document(plan: Mapping[str, Any]) -> list[PlannedBlock]:
    written = plan.get("format")
    if written != FORMAT:
        said = "it has no format" if written is None else f"its format is {shown_value(written)}"
        raise _refusal("a document", f"{said}, not {FORMAT!r}", WRITE)
    blocks = plan.get("blocks")
    if not isinstance(blocks, list) or not all(
        isinstance(one, Mapping) and isinstance(one.get("name"), str) for one in blocks
    ):
        raise _refusal("a document", "its blocks are no list of blocks with names", WRITE)
    return [_of_block(one) for one in blocks]


def _of_block(written: Mapping[str, Any]) -> PlannedBlock:
    parameters, words = written.get("parameters"), None
    wrong = [key for key in WORDS if not isinstance(written.get(key), str | None)]
    if wrong:
        words = f"the {wrong[0]} {shown_value(written[wrong[0]])} is no word"
    elif not (parameters is None or (type(parameters) is int and 0 <= parameters <= MOST)):
        words = f"{shown_value(parameters)} is no number of parameters"
    if words is not None:
        raise _refusal("a document", f"of its block {shown(written['name'])} {words}", WRITE)
    return PlannedBlock(
        written["name"], parameters=parameters, **{k: written.get(k) for k in WORDS}
    )


def _of_names(plan: Any) -> list[PlannedBlock]:
    parts = list(plan) if isinstance(plan, Iterable) else [plan]
    found = []
    for part in parts:
        if isinstance(part, Block):
            said = {key: getattr(part, key) for key in WORDS}
            found.append(PlannedBlock(part.name, parameters=part.parameters, **said))
        elif isinstance(part, str):
            found.append(PlannedBlock(part))
        else:
            raise _refusal(
                f"a {type(plan).__name__}", f"{shown_value(part)} is no name of a block",
                "give a file of `resnet-probe plan --json`, or a list of names",
            )  # fmt: skip
    return found


def _refusal(subject: str, reason: str, remedy: str) -> ProbeError:
    return ProbeError.explain("read the plan in", shown(subject), reason, remedy)
