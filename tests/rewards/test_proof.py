"""Whatever members live through, the ledger and the reference agree; mistakes that are planted show."""

import os
import secrets

import pytest
from django.db import DatabaseError

from tests.rewards.machine import World
from tests.rewards.planted import PLANTED
from tests.rewards.prove import SECONDS, SEED, TELL
from tests.rewards.search import find, prove, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def world(transactional_db):
    World.make()


def test_the_ledger_and_the_reference_agree():
    seed = os.environ.get(SEED)
    failed = prove(float(os.environ.get(SECONDS, "0")), int(seed) if seed else None)
    assert not failed, failed[0].story


@pytest.mark.parametrize("mistake", PLANTED)
def test_mistake_planted(mistake, monkeypatch):
    PLANTED[mistake](monkeypatch)
    tell = TELL in os.environ
    done = find(seed=secrets.randbits(32) if tell else 2, shorten=tell)
    if tell:
        print(f"\n{mistake}: found after {told(done)}\n{done[-1].story}")
    # That the two differ, or that the database refuses, is a finding; a slip of the proof itself is none.
    assert isinstance(done[-1].error, AssertionError | DatabaseError), done[-1].story
