from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AttemptCount, PhoneChallenge, RefreshToken
from accounts.services.forgetting import forget_old as forget_traces
from accounts.services.limits import take
from accounts.services.phone_codes import send_code
from accounts.services.tokens import issue_refresh_token
from accounts.tasks import forget_old
from config.celery import app
from core import forgetting
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sender(settings):
    settings.OTP_SENDER = "tests.fakes.phones.send"


def test_what_is_over_is_forgotten_and_what_counts_is_kept(monkeypatch):
    monkeypatch.setattr(forgetting, "_CHUNK", 2)
    now, user = timezone.now(), make_user()
    for days in (0, 2, 3, 4, 5, 6):
        send_code(phone=f"+2782123450{days}", address="", at=now - timedelta(days=days))
    for days in (0, 29, 30, 31, 40):
        issue_refresh_token(user.pk, at=now - timedelta(days=days))
    take([("login_account", "a")], at=now - timedelta(minutes=14))
    take([("login_account", "b")], at=now - timedelta(minutes=16))
    forget_old(newer="argument")
    assert list(PhoneChallenge.objects.values_list("phone", flat=True)) == ["+27821234500"]
    assert RefreshToken.objects.count() == 2
    assert AttemptCount.objects.filter(name="login_account:900").count() == 1
    assert AttemptCount.objects.filter(expires_at__lt=now).count() == 0
    assert forget_traces(at=now) == 0


def test_the_scheduler_knows_the_task(settings):
    assert settings.CELERY_BEAT_SCHEDULE["forget-sign-in-traces"]["task"] == forget_old.name
    assert forget_old.name in app.tasks
