"""`slant cache`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", help="the cache's folder; default: SLANT_CACHE, else the user's own cache folder")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--info", action="store_true", help="print where it is and how much it holds (the default)")
    what.add_argument("--clear", action="store_true", help="remove all it holds")


def run(args: argparse.Namespace) -> int:
    from slant.models.encoder.cache import StateCache, default_cache_folder

    folder = Path(args.folder or os.environ.get("SLANT_CACHE") or default_cache_folder())
    with StateCache(folder) as cache:
        if args.clear:
            print(f"removed {cache.clear():,} entries from {cache.path}")
        else:
            info = cache.info()
            print(f"{info.path}\n{info.entries:,} texts, {info.bytes / 1e6:,.1f} MB of at most {info.max_bytes / 1e9:.1f} GB")
    return 0
