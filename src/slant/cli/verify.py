"""`slant verify`."""

from __future__ import annotations

import argparse
import json

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundles", nargs="+", metavar="bundle", help="a bundle folder or zip")
    parser.add_argument("--key", metavar="PUB", help="an Ed25519 public key (PEM): the bundle must be signed by it")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")


def run(args: argparse.Namespace) -> int:
    from slant.serve import verify_bundle

    tables = {bundle: verify_bundle(bundle, key=args.key) for bundle in args.bundles}
    passed = {bundle: all(check.passed for check in checks) for bundle, checks in tables.items()}
    if args.json:
        found = [{"bundle": bundle, "passed": passed[bundle], "checks": [vars(check) for check in checks]} for bundle, checks in tables.items()]
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return 0 if all(passed.values()) else 1
    for bundle, checks in tables.items():
        if len(tables) > 1:
            print(bundle)
        width = max(len(check.name) for check in checks)
        for check in checks:
            print(f"{check.status:<11}  {check.name:<{width}}  {check.detail}".rstrip())
    return 0 if all(passed.values()) else 1
