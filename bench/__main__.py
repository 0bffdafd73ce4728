"""Runs benchmarks, each in a process of its own: settings and servers are read once a process."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence

from bench import (
    accrue,
    balance,
    checkout,
    growth,
    mixed,
    nightly,
    orders_import,
    push,
    redeem,
    servers,
    shop_batch,
)
from bench.frame import Benchmark, run
from bench.services import scratch_services
from bench.table import show
from config.embedded import ServiceFailed

BENCHMARKS: dict[str, Callable[[], Benchmark]] = {
    "import": orders_import.OrdersImport,
    "checkout": checkout.Checkout,
    "balance": balance.Balance,
    "redeem": redeem.Redeem,
    "accrue": accrue.Accrue,
    "mixed": mixed.Mixed,
    "servers": servers.Servers,
    "shop_batch": shop_batch.ShopBatch,
    "growth": growth.Growth,
    "nightly": nightly.Nightly,
    "push": push.Push,
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench", description="Run benchmarks.")
    parser.add_argument("name", nargs="*", help="which ones; all without")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="the same")
    parser.add_argument("--rounds", type=int, help="how often each is measured; each has its own default")
    parser.add_argument("--orders", type=int, help="how many orders accrue and shop_batch have; or ORDERS")
    parser.add_argument("--inside", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.inside:
        return _inside(options.inside, options.rounds)
    names = [*options.name, *options.only] or list(BENCHMARKS)
    if unknown := sorted(set(names) - BENCHMARKS.keys()):
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    rounds = [f"--rounds={options.rounds}"] if options.rounds else []
    # A benchmark never touches a database that somebody named.
    environment = {
        key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "REDIS_URL")
    }
    if options.orders:
        environment["ORDERS"] = str(options.orders)
    failed = [
        name
        for name in names
        if subprocess.run(
            [sys.executable, "-m", "bench", "--inside", name, *rounds], env=environment, check=False
        ).returncode
    ]
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _inside(name: str, rounds: int | None) -> int:
    benchmark = BENCHMARKS[name]()
    if reason := benchmark.unavailable():
        print(f"{name}: skipped, {reason}")
        return 0
    try:
        with scratch_services(name) as services:
            result = run(name, benchmark, services, rounds=rounds or benchmark.rounds)
    except ServiceFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    print(show(result))
    print(f"  {result.write()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
