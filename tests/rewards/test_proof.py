"""Whatever members live through, the ledger and the reference agree; mistakes that are planted show."""

import os
import secrets

import pytest
from django.db import IntegrityError

from tests.rewards.machine import World
from tests.rewards.planted import PLANTED
from tests.rewards.prove import SECONDS, SEED, TELL, prove, search

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
    tell = TELL in os.environ
    PLANTED[mistake](monkeypatch)
    found = search(seed=secrets.randbits(32) if tell else 1, examples=1000, shorten=tell)
    print(
        f"\n{mistake}: {found.examples} examples, {found.steps} steps, {found.seconds:.1f} s",
        found.story[: 30000 if tell else 300],
    )
    assert isinstance(found.error, AssertionError | IntegrityError), found.story
