"""Runs the load and the faults, and judges: `python -m bench.faults`, by `make faults`."""

import argparse
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from bench.faults import shop
from bench.faults.harm import Undo, Victims
from bench.faults.judge import Finding, Judge, read_state
from bench.faults.load import Client, Known, PointsProbe, Probe, WriteProbe
from bench.faults.plan import Fault, planned
from bench.faults.record import Op, Record, read
from bench.faults.report import Suffered, again_after, faults_table, outcomes_table
from bench.services import Import, ProgramFailed, Services, Worker, scratch_services
from bench.web import Web
from config.embedded import ServiceFailed, data_directory

_LOOK_SECONDS = 0.05
_SUITS_SECONDS = 6.0
"""So long a fault waits for somebody to suffer it; then it is left out."""
_HANGS_SECONDS = 120.0
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Size:
    """How much load there is, how long a client waits for an answer, and how dense the faults are."""

    clients: int
    timeout: float
    gap: tuple[float, float]
    pause: tuple[float, float]
    import_orders: int


_WHOLE = Size(clients=6, timeout=6.0, gap=(1.0, 3.5), pause=(0.5, 3.0), import_orders=200)
_QUICK = Size(clients=3, timeout=4.0, gap=(0.3, 0.9), pause=(0.3, 1.0), import_orders=60)


class Hangs(Exception):
    """Something did not come back in two minutes."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="how long there are faults")
    parser.add_argument(
        "--seed", default="", help="the same seed plans the same faults; a new one by default"
    )
    parser.add_argument("--quick", action="store_true", help="less load, and faults that follow closely")
    parser.add_argument("--keep", action="store_true", help="keep record and logs though nothing was found")
    options = parser.parse_args(arguments)
    seed = options.seed or secrets.token_hex(3)
    print(f"faults: SEED={seed} SECONDS={options.seconds:g}", flush=True)
    try:
        with scratch_services("faults") as services:
            run = Run(services, seed, options.seconds, _QUICK if options.quick else _WHOLE)
            try:
                findings = run.whole()
            finally:
                run.end()
            if findings or options.keep:
                kept = data_directory().parent.parent / f"faults-{seed}"
                shutil.copytree(services.data_dir / "logs", kept, dirs_exist_ok=True)
                shutil.copy(run.record_path, kept)
                print(f"Record and logs are in {kept}")
            return int(bool(findings))
    except (ServiceFailed, ProgramFailed) as failure:
        print(failure, file=sys.stderr)
        return 1


class Run:
    """One run, from the first request to the verdict; everything is started from this one thread."""

    def __init__(self, services: Services, seed: str, seconds: float, size: Size) -> None:
        self._services = services
        self._seed = seed
        self._seconds = seconds
        self._plan = planned(seed, seconds=seconds, gap=size.gap, pause=size.pause)
        self._setup = shop.prepare(seed)
        self._record = Record(services.data_dir / f"faults-{seed}.jsonl")
        self._files = [
            shop.write_import(services.data_dir, seed, n, orders=size.import_orders)
            for n in range(int(seconds / 4) + 1)
        ]
        self._imports = [
            Import(services, str(files.orders), f"--returns={files.returns}", "--keep-dates")
            for files in self._files
        ]
        self._web = Web(services, name="web")
        self._worker = Worker(services, concurrency=2, beat=True)
        self._victims = Victims(services, self._web, self._worker, list(self._imports))
        port, known = self._web.port, Known()
        self._clients = [
            Client(n, seed, port, self._setup, known, self._record, timeout=size.timeout)
            for n in range(size.clients)
        ]
        self._writes = WriteProbe(f"{seed}-w", port, self._setup, self._record, timeout=size.timeout)
        self._points = PointsProbe(f"{seed}-p", port, self._setup, self._record, timeout=size.timeout)
        self._suffered: list[Suffered] = []
        self._left_out: list[Fault] = []

    @property
    def record_path(self) -> Path:
        return self._record.path

    def whole(self) -> list[Finding]:
        """Do everything, print what came of it, and return what is not as it must be."""
        findings: list[Finding] = []
        try:
            self._web.start()
            self._worker.start()
            for thread in self._threads:
                thread.start()
            self._harm()
            self._settle()
        except Hangs as hang:
            findings.append(Finding(str(hang)))
        audit = self._audit(findings)
        ops = read(self._record.path)
        findings += self._judged(ops)
        self._show(ops, audit)
        self._conclude(findings)
        return findings

    def end(self) -> None:
        """Stop what runs."""
        self._victims.wake()
        for one in self._imports:
            one.kill()
        self._worker.kill()
        self._web.stop()
        self._record.close()

    @property
    def _threads(self) -> list[Client | Probe]:
        return [*self._clients, self._writes, self._points]

    # --- harming -------------------------------------------------------------------------------------------

    def _harm(self) -> None:
        began, waiting = self._record.now(), list(self._plan)
        lasting: tuple[Fault, float, Undo] | None = None
        while waiting or lasting is not None or self._record.now() - began < self._seconds:
            self._look()
            now = self._record.now()
            if lasting is not None:
                fault, since, undo = lasting
                if now - since >= fault.seconds:
                    undo()
                    lasting = None
                    self._note(fault, since)
            elif waiting and now - began >= waiting[0].at:
                if self._victims.suits(waiting[0]):
                    fault = waiting.pop(0)
                    undone = self._victims.suffer(fault)
                    if undone is None:
                        self._note(fault, now)
                    else:
                        lasting = (fault, now, undone)
                elif now - began >= waiting[0].at + _SUITS_SECONDS:
                    self._left_out.append(waiting.pop(0))

    def _note(self, fault: Fault, since: float) -> None:
        self._suffered.append(Suffered(fault, since, self._record.now()))
        print(f"  {since:6.1f} s  {fault.kind}", flush=True)

    def _look(self) -> None:
        self._victims.look_after()
        for thread in self._threads:
            if thread.failure is not None:
                raise thread.failure
        time.sleep(_LOOK_SECONDS)

    # --- coming to rest ------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Let everything come to its end.

        Raises:
            Hangs: something does not.
        """
        self._victims.start_no_more_imports()
        for client in self._clients:
            client.stop()
        self._wait(
            lambda: not any(client.is_alive() for client in self._clients), "clients are still waiting"
        )
        self._wait(lambda: not self._victims.are_importing, "an import does not come to its end")
        if self._suffered:
            last = self._suffered[-1]
            self._wait(
                lambda: again_after(last, self._writes.worked) is not None, "nothing is written any more"
            )
            self._wait(
                lambda: again_after(last, self._points.worked) is not None, "points are not posted any more"
            )
        for probe in (self._writes, self._points):
            probe.stop()
        self._wait(lambda: not any(thread.is_alive() for thread in self._threads), "a probe is still waiting")
        self._wait(lambda: self._alive_messages() == 0, "the outbox does not drain")

    def _wait(self, come: Callable[[], bool], hangs: str) -> None:
        until = time.monotonic() + _HANGS_SECONDS
        while not come():
            if time.monotonic() > until:
                raise Hangs(f"after {_HANGS_SECONDS:.0f} s {hangs}")
            self._look()

    def _alive_messages(self) -> int | None:
        try:
            ((count,),) = self._services.statement(
                "SELECT count(*) FROM core_outboxmessage WHERE died_at IS NULL"
            )
        except psycopg2.Error:
            return None
        return int(str(count))

    # --- judging -------------------------------------------------------------------------------------------

    def _audit(self, findings: list[Finding]) -> str:
        try:
            return self._services.manage("audit_ledger").output.strip().replace("\n", "; ")
        except ProgramFailed as failure:
            findings.append(Finding(f"audit_ledger finds something:\n{failure}"))
            return "failed"

    def _judged(self, ops: list[Op]) -> list[Finding]:
        started = [files for files, one in zip(self._files, self._imports, strict=True) if one.starts]
        return Judge(ops, read_state(self._services.database_url), self._setup, started).findings()

    def _show(self, ops: list[Op], audit: str) -> None:
        print("\nFaults:")
        print(faults_table(self._suffered, self._writes.worked, self._points.worked))
        if self._left_out:
            print("  left out, nobody was there: " + ", ".join(fault.kind for fault in self._left_out))
        print("\nRequests:")
        print(outcomes_table(ops))
        imports = sum(1 for one in self._imports if one.starts)
        print(f"\nimports: {imports}, started {sum(one.starts for one in self._imports)} times")
        print(f"audit_ledger: {audit}")

    def _conclude(self, findings: list[Finding]) -> None:
        for finding in findings[:_SHOWN]:
            print(f"\nWRONG: {finding}")
        print(
            f"\n{len(findings)} findings with SEED={self._seed}"
            if findings
            else "Nothing was lost, nothing doubled, every point is as reckoned."
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
