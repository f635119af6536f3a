"""`slant serve`: annotations over HTTP, and a page."""

from __future__ import annotations

import argparse
import ipaddress
import os
import sys
from importlib.util import find_spec

from slant.cli.annotate import DEFAULT_BUNDLES, add_key_argument, find_bundles
from slant.errors import ConfigError

__all__ = ["add_arguments", "run"]

_TOKEN = "SLANT_TOKEN"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    named = f"a bundle folder or zip; several may answer together; default: {DEFAULT_BUNDLES}"
    parser.add_argument("bundles", nargs="*", metavar="bundle", help=named)
    add_key_argument(parser)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on; default: this machine alone, 127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--precision", choices=("fp32", "int8"), help="the bundles' graph to run; default: their own")
    parser.add_argument("--threads", type=int, default=1, help="requests computed at a time, each on one core; default: 1")
    parser.add_argument("--queue", type=int, default=64, help="requests that may wait (429 beyond); default: 64")
    parser.add_argument("--max-bytes", type=int, default=1_000_000, help="of a request's body (413); default: 1000000")
    parser.add_argument("--max-sentences", type=int, default=2_000, help="of a document or a list (422); default: 2000")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds a body may take (408), and an answer (504); default: 30")
    parser.add_argument("--log-texts", action="store_true", help="let the log hold the texts that are sent")
    parser.epilog = f"With {_TOKEN} set in the environment, clients must send it as a bearer token."


def run(args: argparse.Namespace) -> int:
    missing = [name for name in ("fastapi", "uvicorn", "prometheus_client") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"serve needs {', '.join(missing)}", remedy="Install the serve extra: pip install 'slant[serve]'")
    if not 0 <= args.port < 65_536:
        raise ConfigError(f"--port is {args.port}", remedy="Give 1 to 65535, or 0 for any that is free")
    from slant.serve import Annotator
    from slant.serve.http import Settings, create_app, run_server

    settings = Settings(
        threads=args.threads,
        queue=args.queue,
        max_bytes=args.max_bytes,
        max_sentences=args.max_sentences,
        timeout=args.timeout,
        token=os.environ.get(_TOKEN),
        log_texts=args.log_texts,
    )
    if settings.token is None and not _is_loopback(args.host):
        print(f"slant: {args.host} can be reached by others, and no token is asked for: set {_TOKEN} to ask for one", file=sys.stderr)
    annotator = Annotator.open(*find_bundles(args.bundles), precision=args.precision, key=args.key)
    shown = f"[{args.host}]" if ":" in args.host else args.host
    print(f"slant: serving on http://{shown}:{args.port}/ until Ctrl-C", file=sys.stderr)
    return 0 if run_server(create_app(annotator, settings), settings, host=args.host, port=args.port) else 1


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
