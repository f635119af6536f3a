"""`slant verify`."""

from __future__ import annotations

import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundles", nargs="+", metavar="bundle", help="a bundle folder or zip")


def run(args: argparse.Namespace) -> int:
    from slant.serve import verify_bundle

    failed = False
    for bundle in args.bundles:
        checks = verify_bundle(bundle)
        failed |= not all(check.passed for check in checks)
        if len(args.bundles) > 1:
            print(bundle)
        width = max(len(check.name) for check in checks)
        for check in checks:
            print(f"{'ok  ' if check.passed else 'FAIL'}  {check.name:<{width}}  {check.detail}")
    return 1 if failed else 0
