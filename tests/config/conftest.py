from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.config.users import ended_afterwards


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A folder for embedded servers; what still runs there at the end is killed."""
    folder = tmp_path / "Data dir %41"  # capitals, a space and a percent sign must survive in the addresses
    with ended_afterwards(folder):
        yield folder
