"""Where real purchases are, for what is measured or proved with them."""

import gzip
import os
from pathlib import Path

from bench.services import PROJECT

ORDERS = "online_retail_2011.csv.gz"
RETURNS = "online_retail_2011_returns.csv.gz"


def dataset_folder() -> Path:
    """Return `DATASET_DIR`, or the folder `shared/data` beside the project."""
    return Path(os.environ.get("DATASET_DIR") or PROJECT.parent / "shared" / "data")


def missing_dataset() -> str | None:
    """Say that the purchases are not there, or None."""
    folder = dataset_folder()
    if all((folder / name).is_file() for name in (ORDERS, RETURNS)):
        return None
    return f"{ORDERS} and {RETURNS} are not in {folder}; DATASET_DIR names the folder that has them"


def unzipped(source: Path, target: Path) -> int:
    """Write a gzip file's content; return how many lines it has after the header."""
    lines = -1
    with gzip.open(source) as zipped, target.open("wb") as plain:
        for line in zipped:
            plain.write(line)
            lines += 1
    return lines
