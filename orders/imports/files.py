"""Reading a CSV file line by line, whatever is in it."""

import csv
import gzip
import hashlib
import io
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

# A line of this many bytes is no row of orders; longer ones are cut here, so that memory stays bounded.
_LONGEST_LINE = 64 * 1024
# A quoted field may hold line breaks, but an inch mark that opens a quote must not swallow the file.
_MOST_LINES_OF_A_ROW = 20
_GZIP_MAGIC = b"\x1f\x8b"


class UnusableFile(Exception):
    """The file as a whole cannot be imported; the message is one line for people."""


class Record(NamedTuple):
    """One row: its fields, or what is wrong with it. `line` is its first line in the file, 1 the header's."""

    line: int
    fields: list[str]
    fault: str = ""


class SourceFile:
    """A regular file, gzip or plain by its content, that can be read any number of times.

    `digest` is the SHA-256 of the file as it is stored, in hex.
    """

    def __init__(self, path: Path, raw: io.BufferedReader) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.digest = hashlib.file_digest(raw, "sha256").hexdigest()
        self._raw = raw

    @property
    def name(self) -> str:
        return self.path.name

    def bytes_read(self) -> int:
        """How far reading has come, in bytes of the file as it is stored."""
        return self._raw.tell()

    def lines(self) -> Iterator[bytes]:
        """Yield the file's lines from the beginning, cut to 64 KiB.

        Raises:
            UnusableFile: it is a damaged gzip file.
        """
        self._raw.seek(0)
        zipped = self._raw.read(2) == _GZIP_MAGIC
        self._raw.seek(0)
        text = io.BufferedReader(gzip.GzipFile(fileobj=self._raw)) if zipped else self._raw
        number = 0
        try:
            while line := text.readline(_LONGEST_LINE):
                number += 1
                yield line
                while len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                    line = text.readline(_LONGEST_LINE)
        except (OSError, EOFError, zlib.error) as error:
            raise UnusableFile(f"{self.path} cannot be read after line {number}: {error}") from error

    def records(self) -> Iterator[Record]:
        """Yield the header and every row after it but blank ones.

        A row that is not proper CSV or not UTF-8 comes with its fault. Where a quote is not closed only its
        own line is at fault.

        Raises:
            UnusableFile: the file is empty, or a damaged gzip file.
        """
        lines = _Lines(self.lines())
        reader = csv.reader(lines, strict=True)
        width = 0
        while True:
            first = lines.begin()
            fault, fields = "", []
            try:
                fields = next(reader)
            except StopIteration:
                if not width:
                    raise UnusableFile(f"{self.path} is empty") from None
                return
            except csv.Error as error:
                fault = f"not proper CSV: {error}"
            if len(lines.taken) > 1 and len(fields) != width:
                lines.give_back()
                fault = "a quote is opened and not closed"
            fault = fault or _fault_of(lines.taken[0] if len(lines.taken) == 1 else "".join(lines.taken))
            width = width or len(fields)
            if fields or fault:
                yield Record(first, fields, fault)


@contextmanager
def opened(path: Path) -> Iterator[SourceFile]:
    """Open a file for as long as the block runs.

    Raises:
        UnusableFile: there is no such file, it is not a regular file, or it may not be read.
    """
    if not path.exists():
        raise UnusableFile(f"{path} does not exist")
    if not path.is_file():
        raise UnusableFile(f"{path} is not a file")
    try:
        raw = path.open("rb")
        source = SourceFile(path, raw)
    except OSError as error:
        raise UnusableFile(f"{path} cannot be read: {error.strerror}") from error
    with raw:
        yield source


class _Lines:
    """Text lines for the CSV reader, which can be handed back when a row turns out to be shorter."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self.taken: list[str] = []
        self._lines = lines
        self._back: deque[str] = deque()
        self._number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if len(self.taken) == _MOST_LINES_OF_A_ROW:
            raise csv.Error("too many lines")
        line = self._back.popleft() if self._back else self._decoded()
        self.taken.append(line)
        self._number += 1
        return line

    def _decoded(self) -> str:
        line = next(self._lines).decode(errors="surrogateescape")
        return line if self._number else line.removeprefix("\ufeff")

    def begin(self) -> int:
        """Begin a row; return its line number."""
        self.taken = []
        return self._number + 1

    def give_back(self) -> None:
        """Keep only the first line of the row."""
        self._back.extendleft(reversed(self.taken[1:]))
        self._number -= len(self.taken) - 1
        del self.taken[1:]


def _fault_of(text: str) -> str:
    if "\0" in text:
        return "it has a NUL byte"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "it is not UTF-8"
    return ""
