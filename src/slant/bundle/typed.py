"""Checks on parsed JSON that nobody trusts yet: exactly a dataclass's keys, values of their types, no control characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from slant.errors import BundleError

__all__ = ["Refuse", "check_texts", "typed"]

#: Makes the error for a problem.
Refuse = Callable[..., BundleError]


def typed(found: Any, kind: type, path: str, refuse: Refuse) -> dict[str, Any]:
    """The mapping, when it has exactly the dataclass's keys with values of their types; else raises what `refuse` makes."""
    if not isinstance(found, Mapping):
        raise refuse(f"{path or 'the manifest'} is not a mapping")
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind)]
    for name in (*names, *found):
        if name not in found or name not in names:
            raise refuse(f"the key {f'{path}.{name}'.strip('.')!r} is {'missing' if name in names else 'unknown'}")
        if not _fits(found[name], hints[name]):
            raise refuse(f"the value of {f'{path}.{name}'.strip('.')!r} is not of type {getattr(hints[name], '__name__', hints[name])}")
    return dict(found)


def check_texts(found: Any, refuse: Refuse) -> None:
    """Raise for a control character: what a bundle says of itself is printed to terminals and written as UTF-8."""
    for value in _strings(found):
        if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in value):
            raise refuse(f"a text in it holds a control character: {value!r}")


def _strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _strings(key)
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a JSON value has the type; lists stand for tuples, whole numbers for floats, and no boolean is a number."""
    text = str(hint)
    if hint is bool or isinstance(value, bool):
        return isinstance(value, bool) and "bool" in text
    if hint is float or text == "float | None":
        return isinstance(value, int | float) or (value is None and "None" in text)
    if text.startswith("tuple[str"):
        return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    if text == "dict[str, str]":
        return isinstance(value, dict) and all(isinstance(k, str) and isinstance(v, str) for k, v in value.items())
    if text.startswith("dict["):
        return isinstance(value, dict)
    return isinstance(value, hint)
