"""Proves the ledger for as long as one likes: `python -m tests.rewards.prove --seconds 120`.

Lives are tried with fresh seeds; `--seed` tries one seed again; `--planted` plants the mistakes of
`tests.rewards.planted` one at a time and tells how soon each is found, and by which story.
"""

import argparse
import os
import sys

import pytest

SECONDS, SEED, TELL = "PROVE_SECONDS", "PROVE_SEED", "PROVE_TELL"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rewards.prove", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--planted", action="store_true")
    given = parser.parse_args()
    os.environ[SECONDS] = str(given.seconds)
    if given.seed is not None:
        os.environ[SEED] = str(given.seed)
    if given.planted:
        os.environ[TELL] = "1"
    test = "test_mistake_planted" if given.planted else "test_the_ledger_and_the_reference_agree"
    return int(
        pytest.main(["-q", "-s", "--tb=no", "-p", "no:cacheprovider", f"tests/rewards/test_proof.py::{test}"])
    )


if __name__ == "__main__":
    sys.exit(main())
