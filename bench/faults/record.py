"""What clients sent and what they were answered, written down before the one and after the other."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BROKEN = "broken connection"
TIMED_OUT = "timed out"


@dataclass(slots=True)
class Attempt:
    """One sending of a request. `outcome` is a status, BROKEN, TIMED_OUT, or None while it is on its way."""

    began: float
    outcome: int | str | None = None
    seconds: float = 0.0
    answer: Any = None
    replayed: bool = False
    content_type: str = ""
    retry_after: str | None = None

    @property
    def is_done(self) -> bool:
        return isinstance(self.outcome, int) and 200 <= self.outcome < 300

    @property
    def is_refused(self) -> bool:
        """Whether the answer says that nothing was done."""
        return isinstance(self.outcome, int) and 400 <= self.outcome < 500


@dataclass(slots=True)
class Op:
    """One thing that somebody wants done, however often it is sent."""

    id: int
    kind: str
    method: str
    path: str
    body: Any
    caller: str
    key: str | None
    facts: dict[str, Any]
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def done(self) -> Attempt | None:
        """The first attempt that was answered 2xx."""
        return next((attempt for attempt in self.attempts if attempt.is_done), None)

    @property
    def may_be_done(self) -> bool:
        """Whether it was done, or nobody knows."""
        return any(not attempt.is_refused for attempt in self.attempts)


class Record:
    """The file; every line of it is out of our hands before a request is sent."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("w")
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._ids = 0

    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def plan(
        self,
        kind: str,
        method: str,
        path: str,
        body: Any,
        *,
        caller: str,
        key: str | None = None,
        **facts: Any,
    ) -> Op:
        """Write down what is going to be sent."""
        with self._lock:
            self._ids += 1
            op = Op(self._ids, kind, method, path, body, caller, key, facts)
            row = {
                name: getattr(op, name)
                for name in ("id", "kind", "method", "path", "body", "caller", "key", "facts")
            }
            self._write({"op": row})
        return op

    def send(self, op: Op) -> Attempt:
        """Write down that it is being sent."""
        with self._lock:
            attempt = Attempt(self.now())
            op.attempts.append(attempt)
            self._write({"sent": [op.id, len(op.attempts) - 1, attempt.began]})
        return attempt

    def answer(self, op: Op, attempt: Attempt) -> None:
        """Write down what became of it."""
        with self._lock:
            place = next(place for place, one in enumerate(op.attempts) if one is attempt)
            attempt.seconds = self.now() - attempt.began
            row = {name: getattr(attempt, name) for name in Attempt.__slots__ if name != "began"}
            self._write({"answered": [op.id, place, row]})

    def close(self) -> None:
        self._file.close()

    def _write(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()


def read(path: Path) -> list[Op]:
    """Read everything back from the file."""
    ops: dict[int, Op] = {}
    for row in _rows(path):
        if "op" in row:
            ops[row["op"]["id"]] = Op(**row["op"])
        elif "sent" in row:
            op_id, _, began = row["sent"]
            ops[op_id].attempts.append(Attempt(began))
        else:
            op_id, place, answer = row["answered"]
            for name, value in answer.items():
                setattr(ops[op_id].attempts[place], name, value)
    return list(ops.values())


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as lines:
        yield from map(json.loads, lines)
