"""Slant: train, judge and ship classifiers of loaded language and of stance towards a target in news text."""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version  # 75 ms that `slant --help` need not pay

    try:
        return version("slant")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0.0.0+unknown"
