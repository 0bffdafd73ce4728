"""A Firebase for each test."""

import pytest

from tests.fakes.fcm import EMAIL, PROJECT, FakeFcm, private_key


@pytest.fixture(scope="session")
def key() -> str:
    return private_key()


@pytest.fixture
def firebase(settings, key):
    """Start a fake with options of its own, and send to it."""
    started = []

    def start(**options):
        fake = FakeFcm(**options)
        started.append(fake)
        settings.FIREBASE_PROJECT_ID, settings.FIREBASE_CLIENT_EMAIL = PROJECT, EMAIL
        settings.FIREBASE_PRIVATE_KEY = key
        settings.FIREBASE_TOKEN_URL, settings.FCM_URL = f"{fake.url}/token", fake.url
        return fake

    yield start
    for fake in started:
        fake.stop()


@pytest.fixture
def fcm(firebase):
    return firebase()
