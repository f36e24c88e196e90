"""What others wrote, as a line for people can hold it: a plan's names, what a network says."""

from __future__ import annotations

from typing import Any

#: The most characters of a value, of a name or path, and of an error's words.
VALUE, NAME, WORDS = 60, 200, 200


def shown(text: str, most: int = NAME) -> str:
    """A text of one line, of so many characters, with escapes for what is not to be printed."""
    said = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text[: most + 1]
    )
    return said if len(said) <= most else said[: most - 1] + "…"


def shown_value(value: Any) -> str:
    """What a value is, as its `repr` begins."""
    try:
        said = repr(value)
    except Exception:  # nested too deeply, or a number of too many digits
        said = f"a {type(value).__name__}"
    return shown(said, VALUE)


def shown_problem(problem: BaseException, most: int = WORDS) -> str:
    """What was raised, and its words."""
    return shown(" ".join(f"{type(problem).__name__}: {problem}".split()), most)
