"""What managers see and change of notifications."""

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.roles import LOYALTY_MANAGER, SUPPORT_AGENT
from core.models import AuditEntry
from notifications.models import NotificationPolicy, NotificationTemplate
from tests.accounts.factories import make_user
from tests.notifications.factories import OPERATIONAL, make_device, tell

pytestmark = pytest.mark.django_db

TEMPLATES = "/admin/notifications/notificationtemplate/"


def staff(role: str) -> User:
    user = make_user(is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def manager(client):
    client.force_login(staff(LOYALTY_MANAGER))
    return client


def template(**change):
    return {"kind": OPERATIONAL.name, "language": "zu", "title": "{points}", "body": "{name}", **change}


def test_a_template_is_saved_and_audited(manager):
    assert manager.post(f"{TEMPLATES}add/", template()).status_code == 302
    saved = NotificationTemplate.objects.get()
    assert (saved.kind, saved.language, saved.title) == (OPERATIONAL.name, "zu", "{points}")
    entry = AuditEntry.objects.get(action="notificationtemplate.add")
    assert entry.after["title"] == "{points}"
    page = manager.get(f"{TEMPLATES}{saved.pk}/change/").content.decode()
    assert "<strong>120</strong><br>Thandi" in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"title": "{pionts}"}, "There is no {pionts} here. Facts of this message: {points}, {name}."),
        ({"body": "{name!r}"}, "This can&#x27;t be read"),
        ({"body": "{name.__class__}"}, "This can&#x27;t be read"),
        ({"body": "{"}, "This can&#x27;t be read"),
        ({"kind": "nonsense"}, "Select a valid choice"),
        ({"language": "English"}, "Give a language tag"),
    ],
)
def test_a_template_that_could_not_be_filled_is_refused_when_it_is_saved(manager, change, said):
    page = manager.post(f"{TEMPLATES}add/", template(**change))
    assert page.status_code == 200
    assert said in page.content.decode()
    assert not NotificationTemplate.objects.exists()


def test_the_policy_is_one_row_whose_changes_are_audited(manager):
    url = "/admin/notifications/notificationpolicy/"
    assert manager.get(url).headers["Location"] == f"{url}1/change/"
    body = {"marketing_a_day": 5, "quiet_from": "21:00:00", "quiet_until": "08:00:00"}
    assert manager.post(f"{url}1/change/", body).status_code == 302
    assert manager.post(f"{url}1/change/", body).status_code == 302
    assert NotificationPolicy.objects.get().marketing_a_day == 5
    entry = AuditEntry.objects.get(action="notificationpolicy.change")
    assert (entry.before, entry.after) == ({"marketing_a_day": 3}, {"marketing_a_day": 5})


def test_agents_look_and_change_nothing(client):
    client.force_login(staff(SUPPORT_AGENT))
    member = make_user("thandi")
    device, message = make_device(member, device_token="secret-token-12345678"), tell(member)
    devices = "/admin/notifications/userdevice/"
    assert client.get(devices).status_code == 200
    page = client.get(f"{devices}{device.pk}/change/").content.decode()
    assert "…12345678" in page
    assert "secret-token" not in page
    assert message.title in client.get("/admin/notifications/inboxmessage/?q=thandi").content.decode()
    assert message.title in client.get("/admin/notifications/pushnotification/?q=thandi").content.decode()
    assert client.get(f"{TEMPLATES}add/").status_code == 403
    assert client.post(f"{devices}{device.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("page", ["userdevice", "inboxmessage", "pushnotification"])
def test_lists_take_as_many_queries_for_one_row_as_for_thirty(manager, page):
    counts = []
    for rows in (1, 29):
        for _ in range(rows):
            member = make_user()
            make_device(member)
            tell(member)
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(f"/admin/notifications/{page}/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
