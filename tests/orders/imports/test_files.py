"""Reading lines and rows, whatever the file holds."""

import gzip
import hashlib
import os
import tracemalloc
from pathlib import Path

import pytest

from orders.imports.files import Record, UnusableFile, opened


def records_of(path: Path) -> list[Record]:
    with opened(path) as source:
        return list(source.records())


def file_of(folder: Path, content: bytes, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def faults_of(folder: Path, content: bytes) -> list[tuple[int, str]]:
    return [(record.line, record.fault) for record in records_of(file_of(folder, content))]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_rows_come_with_their_line_numbers_and_blank_lines_count_but_do_not_come(
    tmp_path: Path, ending: bytes
) -> None:
    path = file_of(tmp_path, ending.join([b"a,b", b"1,2", b"", b"3,4"]))
    assert records_of(path) == [
        Record(1, ["a", "b"]),
        Record(2, ["1", "2"]),
        Record(4, ["3", "4"]),
    ]


def test_gzip_is_known_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    zipped = file_of(tmp_path, gzip.compress(b"a,b\n1,2\n"), "named.csv")
    plain = file_of(tmp_path, b"a,b\n1,2\n", "named.csv.gz")
    assert records_of(zipped) == records_of(plain) == [Record(1, ["a", "b"]), Record(2, ["1", "2"])]


def test_the_digest_is_that_of_the_file_as_it_is_stored(tmp_path: Path) -> None:
    content = gzip.compress(b"a,b\n1,2\n")
    with opened(file_of(tmp_path, content)) as source:
        assert source.digest == hashlib.sha256(content).hexdigest()
        assert len(list(source.records())) == len(list(source.records())) == 2


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    assert records_of(file_of(tmp_path, b"\xef\xbb\xbfa,b\n"))[0].fields == ["a", "b"]


def test_a_quoted_field_may_hold_commas_quotes_and_line_breaks(tmp_path: Path) -> None:
    path = file_of(tmp_path, b'a,b\n1,"x, ""y""\nz"\n2,end\n')
    assert records_of(path)[1:] == [Record(2, ["1", 'x, "y"\nz']), Record(4, ["2", "end"])]


def test_a_quote_that_is_not_closed_spoils_its_own_line_alone(tmp_path: Path) -> None:
    path = file_of(tmp_path, b'a,b\n1,"12 inch\n2,fine\n3,12" ruler\n4,"x"y\n5,end\n')
    assert [
        (record.line, record.fields if not record.fault else record.fault) for record in records_of(path)
    ] == [
        (1, ["a", "b"]),
        (2, "a quote is opened and not closed"),
        (3, ["2", "fine"]),
        (4, ["3", '12" ruler']),
        (5, "not proper CSV: ',' expected after '\"'"),
        (6, ["5", "end"]),
    ]


def test_a_quote_that_is_not_closed_does_not_swallow_a_long_file(tmp_path: Path) -> None:
    path = file_of(tmp_path, b'a,b\n1,"12 inch\n' + b"".join(b"%d,x\n" % n for n in range(500)))
    records = records_of(path)
    assert [record.line for record in records if record.fault] == [2]
    assert len(records) == 502


def test_bytes_that_are_no_text_are_faults_of_their_rows(tmp_path: Path) -> None:
    assert faults_of(tmp_path, b"a,b\n1,caf\xe9\n2,caf\xc3\xa9\n3,x\0y\n4,x\n") == [
        (1, ""),
        (2, "it is not UTF-8"),
        (3, ""),
        (4, "it has a NUL byte"),
        (5, ""),
    ]


def test_a_line_without_end_takes_no_memory(tmp_path: Path) -> None:
    path = file_of(tmp_path, b"a,b\n1," + b"x" * 30_000_000 + b"\n2,y\n")
    tracemalloc.start()
    records = records_of(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(record.line, len(record.fields[1])) for record in records] == [(1, 1), (2, 65_534), (3, 1)]
    assert peak < 2_000_000


@pytest.mark.parametrize("content", [b"", b"\n\n", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_unusable(tmp_path: Path, content: bytes) -> None:
    path = file_of(tmp_path, content)
    with pytest.raises(UnusableFile, match=f"^{path} is empty$"):
        records_of(path)


def test_a_gzip_file_that_was_cut_off_is_unusable(tmp_path: Path) -> None:
    content = gzip.compress(os.urandom(50_000).hex(sep="\n").encode())
    path = file_of(tmp_path, content[: len(content) // 2])
    with pytest.raises(UnusableFile, match=r"cannot be read after line \d+: Compressed file ended before"):
        records_of(path)


def test_a_gzip_file_that_was_damaged_is_unusable(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(os.urandom(50_000).hex(sep="\n").encode()))
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(UnusableFile, match=r"cannot be read after line \d+"):
        records_of(file_of(tmp_path, bytes(content)))


def test_what_is_no_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match=r"gone\.csv does not exist$"), opened(tmp_path / "gone.csv"):
        pass
    with pytest.raises(UnusableFile, match=rf"^{tmp_path} is not a file$"), opened(tmp_path):
        pass
