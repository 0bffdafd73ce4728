"""The import as a whole: orders, what follows from them, returns, what follows from those."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from core.progress import Display
from orders.imports.chunks import Chunk, store_next_chunk
from orders.imports.delivering import make_members, make_products, store_orders
from orders.imports.draining import Drain
from orders.imports.files import SourceFile, UnusableFile, opened
from orders.imports.models import FileKind, ImportDocument, ImportFile
from orders.imports.patience import Patience
from orders.imports.rejects import rejects_path, write_rejects
from orders.imports.returning import store_returns
from orders.imports.staging import columns_of, stage, unstage
from orders.imports.turns import Turn


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file that is through, how many of its rows were refused, and where they are written down."""

    file: ImportFile
    rejects: int
    rejects_path: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run leaves: its files, and messages of the outbox that were given up or keep failing."""

    orders: ImportedFile
    returns: ImportedFile | None
    dead: int
    failing: int


def run_import(path: Path, *, returns_path: Path | None, keep_dates: bool, display: Display) -> Outcome:
    """Import an orders file, wait until the outbox has drained, and do the same with its returns file.

    Whatever an earlier run of the same files did is not done again, and what it decided holds: the dates move
    by the shift that was stored with the orders file's digest.

    Raises:
        UnusableFile: a file as a whole cannot be imported; nothing of it is.
        DatabaseError, InterfaceError: the database stayed away for a minute.
    """
    with ExitStack() as stack:
        orders_source = stack.enter_context(opened(path))
        returns_source = stack.enter_context(opened(returns_path)) if returns_path else None
        columns_of(orders_source, FileKind.ORDERS)
        if returns_source is not None:
            columns_of(returns_source, FileKind.RETURNS)
            if returns_source.name == orders_source.name:
                raise UnusableFile(f"both files are called {path.name}, and so would be their rejects")
        turn = Turn(
            orders_source.digest,
            waiting=lambda: display.say(f"Another run is importing {path}: waiting for it to end."),
        )
        patiently = Patience(
            turn.take, waiting=lambda error: display.say(f"The database is away ({error}): waiting for it.")
        )
        run = _Run(display, patiently, keep_dates=keep_dates)
        stack.callback(turn.give_back)
        patiently(turn.take)
        orders = run.orders(orders_source)
        dead, failing = run.drain(orders)
        returns = None
        if returns_source is not None:
            returns = run.returns(returns_source, orders)
            dead, failing = run.drain(orders)
        return Outcome(
            orders=run.imported(orders, orders_source),
            returns=run.imported(returns, returns_source) if returns and returns_source else None,
            dead=dead,
            failing=failing,
        )


class _Run:
    """The steps of one run."""

    def __init__(self, display: Display, patiently: Patience, *, keep_dates: bool) -> None:
        self._display = display
        self._patiently = patiently
        self._keep_dates = keep_dates
        self._zone = ZoneInfo(settings.TIME_ZONE)

    def orders(self, source: SourceFile) -> ImportFile:
        """Store the orders of a file.

        Raises:
            UnusableFile: see `stage`; or its dates are to be kept and were moved before.
        """
        wanted = ImportFile(
            kind=FileKind.ORDERS,
            digest=source.digest,
            name=source.name[:255],
            keep_dates=self._keep_dates,
            shift=timedelta(0),
        )
        file = self._staged(wanted, source)
        if self._keep_dates and not file.keep_dates:
            raise UnusableFile(f"{source.path} was imported before with its dates moved: they cannot be kept")
        if file.finished_at is None:
            if file.position == 0:
                self._members_and_products(file)
            self._chunks(file, "Orders", partial(store_orders, zone=self._zone))
        return file

    def returns(self, source: SourceFile, orders: ImportFile) -> ImportFile:
        """Store the returns of a file, for an orders file that is through.

        Raises:
            UnusableFile: see `stage`.
        """
        wanted = ImportFile(
            kind=FileKind.RETURNS,
            digest=source.digest,
            orders_file=orders,
            name=source.name[:255],
            keep_dates=orders.keep_dates,
            shift=orders.shift,
        )
        file = self._staged(wanted, source)
        if file.finished_at is None:
            self._chunks(
                file, "Returns", lambda chunk: store_returns(chunk, zone=self._zone, now=timezone.now())
            )
        return file

    def drain(self, orders: ImportFile) -> tuple[int, int]:
        """Wait until what was published is delivered; return how many messages are dead and keep failing."""
        drain = Drain(orders, self._patiently)
        failing = 0
        if total := drain.waiting():
            with self._display.phase("Messages", total=total, unit="messages") as advance_to:
                failing = drain.run(lambda left: advance_to(total - left))
        return drain.dead(), failing

    def imported(self, file: ImportFile, source: SourceFile) -> ImportedFile:
        """Write the rejects of a file that is through."""
        rejects = self._patiently(lambda: write_rejects(file, source))
        return ImportedFile(self._patiently(partial(_fresh, file)), rejects, rejects_path(source))

    def _staged(self, wanted: ImportFile, source: SourceFile) -> ImportFile:
        known = self._patiently(partial(_known, wanted))
        if known is not None:
            return known
        with self._display.phase(f"Reading {source.name}", total=source.size, unit="B") as advance_to:
            return self._patiently(
                lambda: stage(
                    wanted,
                    source,
                    zone=self._zone,
                    at=timezone.now(),
                    seen=lambda: advance_to(source.bytes_read()),
                )
            )

    def _members_and_products(self, file: ImportFile) -> None:
        with self._display.phase("Members", total=file.members, unit="members") as advance_to:
            self._patiently(lambda: make_members(file, zone=self._zone, made=advance_to))
        with self._display.phase("Products", total=file.products, unit="products") as advance_to:
            self._patiently(lambda: make_products(file, made=advance_to))

    def _chunks(self, file: ImportFile, title: str, store: Callable[[Chunk], None]) -> None:
        done = self._patiently(partial(_rows_done, file))
        with self._display.phase(title, total=file.rows, done=done, unit="rows") as advance_to:
            while rows := self._patiently(partial(store_next_chunk, file.pk, store)):
                done += rows
                advance_to(done)
            self._patiently(partial(_finish, file))


def _known(wanted: ImportFile) -> ImportFile | None:
    return ImportFile.objects.filter(
        kind=wanted.kind, digest=wanted.digest, orders_file=wanted.orders_file
    ).first()


def _fresh(file: ImportFile) -> ImportFile:
    return ImportFile.objects.get(pk=file.pk)


def _rows_done(file: ImportFile) -> int:
    through = ImportDocument.objects.filter(file=file, position__lte=file.position)
    return through.aggregate(rows=Sum("rows"))["rows"] or 0


@transaction.atomic
def _finish(file: ImportFile) -> None:
    unstage(file)
    ImportFile.objects.filter(pk=file.pk).update(finished_at=timezone.now(), updated_at=timezone.now())
    with connection.cursor() as cursor:
        # Autovacuum looks around once a minute; until then plans would take these tables for empty.
        cursor.execute("ANALYZE orders, order_items, order_returns, order_return_lines")
