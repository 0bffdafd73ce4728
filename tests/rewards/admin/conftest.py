"""Fixtures of the admin's tests."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import User
from core.contracts import SYSTEM
from rewards.services.adjustment import adjust_points
from tests.rewards.ledger import make_member


@pytest.fixture
def boss(db: None, client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(make_member(username="boss", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def staff(db: None) -> Callable[..., Client]:
    """Make the browser of a member of staff who has these permissions of rewards and no others."""

    def sign_in(*permissions: str) -> Client:
        user = make_member(is_staff=True)
        found = Permission.objects.filter(content_type__app_label="rewards", codename__in=permissions)
        assert found.count() == len(permissions)
        user.user_permissions.set(found)
        browser = Client()
        browser.force_login(user)
        return browser

    return sign_in


def with_points(points: int, **fields: object) -> User:
    """Make a member who was given points just now."""
    member = make_member(**fields)
    adjust_points(user_id=member.pk, points=points, reason="given", key="k", actor=SYSTEM, at=timezone.now())
    return member
