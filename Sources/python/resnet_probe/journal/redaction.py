"""Takes secrets out of a configuration before it is written, and makes it flat and short."""

import argparse
import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, pairwise

from resnet_probe.journal.text import clipped

MARK = "(redacted)"
"""What stands in a secret's place."""

MAXIMUM_ENTRIES = 1024
"""The most entries of a configuration in a journal."""
MAXIMUM_KEY_LENGTH = 512
"""The most bytes of UTF-8 of a key."""
MAXIMUM_VALUE_LENGTH = 64 << 10
"""The most bytes of UTF-8 of a value."""
MAXIMUM_LENGTH = 1 << 20
"""The most bytes of UTF-8 of all keys and values together."""

_TOKEN = re.compile(r"rp_[rw]_[A-Za-z0-9_-]{43}")
_DEEPEST = 16
_MOST_LOOKED_AT = 1 << 16
_WORDS = frozenset(
    (
        "apikey",
        "auth",
        "authorization",
        "bearer",
        "cookie",
        "credential",
        "credentials",
        "passwd",
        "password",
        "passphrase",
        "pwd",
        "secret",
        "secrets",
        "token",
    )
)
_PAIRS = frozenset(["api key", "access key", "private key", "secret key"])


def is_secret(key: str) -> bool:
    """Whether a key speaks of a secret.

    It does where, split into words at everything but letters and digits and at capital letters,
    it holds a word such as "password" or "token", or "api key" side by side. So ``HF_TOKEN`` and
    ``apiKey`` do while ``tokenizer`` and ``max_tokens`` do not.
    """
    words = _words(key)
    if any(word in _WORDS for word in words):
        return True
    return any(f"{a} {b}" in _PAIRS for a, b in pairwise(words))


def flattened(config: object) -> Iterator[tuple[str, str]]:
    """The entries of a configuration as key and text, nested ones under dotted keys.

    Mappings, argparse's namespaces and dataclasses are gone into, and so are lists and tuples
    that hold one of these. Nothing is redacted or cut yet. What is nested in itself, or more than
    16 deep, is "(nested too deep)"; beyond 65,536 entries nothing is looked at.
    """
    return islice(_entries("", config, ()), _MOST_LOOKED_AT)


def redacted(config: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The entries with secrets replaced; of a key that comes twice the first stands.

    A token of a resnet-probe daemon is replaced under any key.
    """
    result: dict[str, str] = {}
    for key, value in config:
        result.setdefault(key, MARK if is_secret(key) else _TOKEN.sub(MARK, value))
    return result


def shortened(config: Mapping[str, str]) -> tuple[dict[str, str], str | None]:
    """What of a configuration fits into a journal, and what was cut; ``None`` where nothing was.

    Keys and values are cut at their limits; entries beyond 1,024, or past 1 MiB, are left out in
    the order of their keys.
    """
    result: dict[str, str] = {}
    cut = left_out = total = 0
    for key, value in sorted(config.items()):
        short_key = clipped(key, MAXIMUM_KEY_LENGTH)
        short = clipped(value, MAXIMUM_VALUE_LENGTH)
        length = len(short_key.encode()) + len(short.encode())
        if len(result) == MAXIMUM_ENTRIES or total + length > MAXIMUM_LENGTH or short_key in result:
            left_out += 1
            continue
        cut += len(short_key) < len(key) or len(short) < len(value)
        total += length
        result[short_key] = short
    if not cut and not left_out:
        return result, None
    return result, (
        f"of the configuration {cut} entries were shortened and {left_out} left out; a journal"
        " takes 1,024 entries, keys of 512 bytes, values of 64 KiB and 1 MiB of all"
    )


def _entries(key: str, value: object, above: tuple[object, ...]) -> Iterator[tuple[str, str]]:
    children = _children(value)
    if children is None:
        if above or not isinstance(value, Mapping):
            yield key or "config", _text(value)
    elif len(above) == _DEEPEST or any(value is one for one in above):
        # Not as text: what is in it may be secret.
        yield key, "(nested too deep)"
    else:
        for name, child in children:
            yield from _entries(f"{key}.{name}" if key else name, child, (*above, value))


def _children(value: object) -> list[tuple[str, object]] | None:
    try:
        if isinstance(value, Mapping):
            return [(_text(key), child) for key, child in value.items()]
        if isinstance(value, argparse.Namespace):
            return list(vars(value).items())
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return [
                (field.name, getattr(value, field.name, None))
                for field in dataclasses.fields(value)
            ]
        if isinstance(value, list | tuple) and any(_children(child) is not None for child in value):
            return [(str(place), child) for place, child in enumerate(value)]
    except Exception:
        # A mapping of the user's may raise anything; a configuration never ends a training.
        return None
    return None


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:
        return "(unprintable)"


def _words(key: str) -> list[str]:
    words: list[str] = []
    word = ""
    was_lower = False
    for character in key:
        in_word = character.isalpha() or character.isnumeric()
        if not in_word or (character.isupper() and was_lower):
            if word:
                words.append(word)
            word = ""
        if in_word:
            word += character.lower()
        was_lower = character.islower()
    return [*words, word] if word else words
