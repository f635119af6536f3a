"""`slant verify`."""

from __future__ import annotations

import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", help="a bundle folder or zip")


def run(args: argparse.Namespace) -> int:
    from slant.serve import verify_bundle

    checks = verify_bundle(args.bundle)
    width = max(len(check.name) for check in checks)
    for check in checks:
        print(f"{'ok  ' if check.passed else 'FAIL'}  {check.name:<{width}}  {check.detail}")
    return 0 if all(check.passed for check in checks) else 1
