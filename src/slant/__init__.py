"""Slant: train, judge and ship classifiers of loaded language and of stance towards a target in news text."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("slant")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0+unknown"

__all__ = ["__version__"]
