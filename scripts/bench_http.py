"""Load `slant serve` on loopback with a bounded number of clients, and compare it with the bare runtime in the same run.

    python scripts/bench_http.py BUNDLE... [--requests 20000] [--clients 16] [--each 8] [--precision int8] [--texts FILE...]

Each client keeps one connection and sends its next /v1/score request of `--each` sentences when the last one is answered. The sentences are
those of the text files, or else the shipped newsroom corpus's. Writes figures and verdicts to experiments/08-serve/http.json; the exit status
is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from slant.data.corpus import data_folder
from slant.files import write_atomic
from slant.serve import Annotator
from slant.text import split_sentences

STUDY = Path(__file__).parents[1] / "experiments" / "08-serve"
#: What issue 6 asks for.
SHARE, TAIL, GROWTH = 0.70, 10.0, 0.05


def read_texts(files: list[str], most: int) -> list[str]:
    """The sentences to send, at most so many."""
    if not files:
        rows = (data_folder() / "newsroom" / "rows.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(row)["text"] for row in rows][:most]
    texts = []
    for file in files:
        text = Path(file).read_text(encoding="utf-8")
        texts += [text[place.start : place.end] for place in split_sentences(text)]
    return texts[:most]


def bare_rate(bundles: list[str], precision: str | None, texts: list[str], rounds: int = 3) -> float:
    """Sentences a second that one `Annotator.score` of all texts makes, the median of some rounds."""
    annotator = Annotator.open(*bundles, precision=precision)
    annotator.score(texts[:64])
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        annotator.score(texts)
        seconds.append(time.perf_counter() - began)
    return len(texts) / median(seconds)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_ready(port: int, server: subprocess.Popen[bytes]) -> None:
    while True:
        if server.poll() is not None:
            raise SystemExit("the server did not start; run slant serve with this bundle to see why")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except ConnectionError:
            time.sleep(0.05)


def memory_mb(pid: int) -> float:
    """Resident memory of a process (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def load(port: int, pid: int, bodies: list[bytes], requests: int, clients: int) -> dict[str, Any]:
    """Send so many requests by so many clients at a time; gives each one's seconds, the errors, and the server's memory on the way."""
    numbers = itertools.count()
    seconds: list[float] = []
    errors: list[str] = []
    memory: list[tuple[int, float]] = []
    every = max(requests // 40, 1)

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while (number := next(numbers)) < requests:
            began = time.perf_counter()
            try:
                connection.request("POST", "/v1/score", bodies[number % len(bodies)], {"Content-Type": "application/json"})
                answer = connection.getresponse()
                content = answer.read()
                if answer.status != 200:
                    errors.append(f"{answer.status} {content[:200]!r}")
            except (OSError, http.client.HTTPException) as error:
                errors.append(repr(error))
                connection.close()
            seconds.append(time.perf_counter() - began)
            if number % every == 0:
                memory.append((number, memory_mb(pid)))

    threads = [threading.Thread(target=client) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"wall": time.perf_counter() - began, "seconds": seconds, "errors": errors, "memory": sorted(memory)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--each", type=int, default=8, help="sentences a request")
    parser.add_argument("--precision", choices=("fp32", "int8"))
    parser.add_argument("--texts", nargs="*", default=[], metavar="FILE")
    parser.add_argument("--output", type=Path, default=STUDY / "http.json")
    args = parser.parse_args()

    texts = read_texts(args.texts, 2_000)
    before = bare_rate(args.bundles, args.precision, texts)
    groups = [texts[first : first + args.each] for first in range(0, len(texts) - args.each + 1, args.each)]
    bodies = [json.dumps([{"id": str(place), "text": text} for place, text in enumerate(group)]).encode() for group in groups]
    port = free_port()
    command = [sys.executable, "-m", "slant", "serve", *args.bundles, "--port", str(port), "--timeout", "120"]
    command += ["--precision", args.precision] if args.precision else []
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_ready(port, server)
        load(port, server.pid, bodies, 20 * args.clients, args.clients)
        told = load(port, server.pid, bodies, args.requests, args.clients)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(150)
    # Before and after, and the better of the two: a neighbour that was busy for one of them must not flatter the server.
    bare = [before, bare_rate(args.bundles, args.precision, texts)]

    served = args.requests * args.each / told["wall"]
    cuts = quantiles(told["seconds"], n=100)
    # The first fifth still fills the allocator's arenas.
    early = median(mb for number, mb in told["memory"] if number >= args.requests // 5 and number < args.requests // 2)
    late = median(mb for number, mb in told["memory"] if number >= args.requests * 4 // 5)
    figures = {
        "bare_sentences_per_second": [round(rate, 1) for rate in bare],
        "served_sentences_per_second": round(served, 1),
        "share_of_bare": round(served / max(bare), 3),
        "requests_per_second": round(args.requests / told["wall"], 1),
        "seconds": {"p50": round(cuts[49], 4), "p95": round(cuts[94], 4), "p99": round(cuts[98], 4), "max": round(max(told["seconds"]), 4)},
        "p99_over_p50": round(cuts[98] / cuts[49], 2),
        "errors": len(told["errors"]),
        "memory_mb": {"early": round(early, 1), "late": round(late, 1)},
    }
    verdicts = {
        f"at least {SHARE:.0%} of the bare throughput": served / max(bare) >= SHARE,
        f"p99 under {TAIL:g} x p50": cuts[98] < TAIL * cuts[49],
        "no error": not told["errors"],
        f"memory grows by less than {GROWTH:.0%}": late < early * (1 + GROWTH),
        "ended in good order": server.returncode == 0,
    }
    setting = {key: getattr(args, key) for key in ("requests", "clients", "each", "precision")} | {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with write_atomic(args.output) as part:
        part.write_text(json.dumps({"setting": setting, "figures": figures, "verdicts": verdicts}, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))
    for name, held in verdicts.items():
        print(f"{'ok  ' if held else 'MISS'}  {name}")
    for error in told["errors"][:5]:
        print(error, file=sys.stderr)
    return 0 if all(verdicts.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
