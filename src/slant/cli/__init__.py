"""The `slant` command: parse, call one function, print. The only place that knows about terminals."""

from slant.cli.main import main

__all__ = ["main"]
