"""Errors that a person can act on: what was found, where, and what mends it."""

from __future__ import annotations

__all__ = ["BundleError", "ConfigError", "DataError", "EncoderError", "SlantError", "StorageError"]


class SlantError(Exception):
    """An expected failure, printed by the command line as one line and a non-zero exit status.

    Args:
        problem: what was found, in one clause without a final full stop.
        where: the file, row, key or run it was found in.
        remedy: the command, key or deed that mends it.
    """

    def __init__(self, problem: str, *, where: str = "", remedy: str = "") -> None:
        self.problem, self.where, self.remedy = problem, where, remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        line = f"{self.where}: {self.problem}" if self.where else self.problem
        return f"{line}. {self.remedy}" if self.remedy else line

    def __reduce__(self) -> tuple[object, ...]:
        # Workers of a joblib sweep send their errors home by pickle, which knows nothing of keyword-only arguments.
        return (_rebuild, (type(self), self.problem, self.where, self.remedy))


def _rebuild(kind: type[SlantError], problem: str, where: str, remedy: str) -> SlantError:
    return kind(problem, where=where, remedy=remedy)


class ConfigError(SlantError):
    """A configuration that cannot be run: an unknown key, an impossible value, a forbidden target."""


class DataError(SlantError):
    """A corpus or a text that cannot be read as what it should be."""


class EncoderError(SlantError):
    """No encoder, or not the encoder that was asked for."""


class BundleError(SlantError):
    """A bundle that does not prove itself: truncated, tampered with, too new, or answering otherwise than recorded."""


class StorageError(SlantError):
    """A disk, cache or store that cannot be written or read."""
