"""Campaigns in the admin: written, looked over, scheduled, followed, paused and stopped."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.roles import LOYALTY_MANAGER, SUPPORT_AGENT
from core.models import AuditEntry
from notifications.models import Campaign, CampaignText, InboxMessage, PushNotification
from notifications.services.walking import walk_due
from rewards.models import LoyaltyTier
from tests.accounts.factories import make_user
from tests.notifications.campaigns import make_campaign, members, scheduled
from tests.notifications.factories import make_device
from tests.notifications.test_admin import staff
from tests.rewards.admin.pages import hidden_fields, said, text

pytestmark = pytest.mark.django_db

LIST = "/admin/notifications/campaign/"
ADD = f"{LIST}add/"


def page_of(campaign: Campaign, what: str = "change") -> str:
    return f"{LIST}{campaign.pk}/{what}/"


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(staff(LOYALTY_MANAGER))
    return client


def form(*texts: dict[str, object], **fields: object) -> dict[str, object]:
    body: dict[str, object] = {"name": "Spring", "notification_type": "marketing", "link": "", **fields}
    texts = texts or ({"language": "en", "title": "Sale", "body": "Come and see"},)
    kept = sum(1 for one in texts if "id" in one)
    body |= {"texts-TOTAL_FORMS": len(texts), "texts-INITIAL_FORMS": kept}
    for number, one in enumerate(texts):
        body |= {f"texts-{number}-{name}": value for name, value in one.items()}
    return body


def stored(campaign: Campaign) -> Campaign:
    campaign.refresh_from_db()
    return campaign


def test_a_draft_is_saved_with_its_segment_and_texts_and_audited(manager):
    gold = LoyaltyTier.objects.get(name="Gold")
    zulu = {"language": "zu", "title": "Sawubona {first_name}", "body": "Woza", "without_name": "mngani"}
    english = {"language": "en", "title": "Sale", "body": "Come and see"}
    criteria = {"segment_tiers": [gold.pk], "segment_ordered_within_days": 30, "segment_has_ordered": ""}
    assert manager.post(ADD, form(english, zulu, **criteria)).status_code == 302
    campaign = Campaign.objects.get()
    assert campaign.segment == {"tiers": [gold.pk], "ordered_within_days": 30}
    assert (campaign.status, campaign.created_by) == ("draft", User.objects.get(is_staff=True))
    texts = CampaignText.objects.values_list("language", "title", "without_name")
    assert list(texts) == [("en", "Sale", ""), ("zu", "Sawubona {first_name}", "mngani")]
    added, words = AuditEntry.objects.order_by("id")
    assert (added.action, added.after["segment"]) == ("campaign.add", campaign.segment)
    assert (words.action, words.before, words.after["en"]) == (
        "campaign.texts",
        {},
        ["Sale", "Come and see", ""],
    )
    page = text(manager.get(page_of(campaign)))
    assert "Sawubona Thandi Woza Sawubona mngani Woza" in page
    assert 'value="30"' in manager.get(page_of(campaign)).content.decode()


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (form({"language": "zu", "title": "T", "body": "B"}), "Write the English text (en)"),
        (form({"language": "en", "title": "{points}", "body": "B"}), "There is no {points} here."),
        (form({"language": "en", "title": "T", "body": "{first_name}"}), "Say what stands for {first_name}"),
        (form({"language": "en", "title": "T", "body": "{"}), "This can't be read"),
        (form(segment_points_expire_within_days=400), "less than or equal to 365"),
        (form(segment_has_ordered="often"), "Select a valid choice"),
        (form(link="https://example.com"), "This leads nowhere in the app."),
        (form(name=""), "This field is required."),
        (form(notification_type="transactional"), "Select a valid choice"),
    ],
)
@pytest.mark.parametrize("button", ["_save", "_look"])
def test_what_could_not_go_out_is_named_and_not_saved(manager, body, complaint, button):
    page = manager.post(ADD, {**body, button: "1"})
    assert page.status_code == 200
    assert complaint in text(page)
    assert not Campaign.objects.exists()


def test_looking_over_says_whom_it_reaches_and_what_they_read_and_saves_nothing(manager):
    members(2, language="zu")
    make_user(language="zu")
    make_device(make_user(language="en"))
    body = form(
        {"language": "en", "title": "Hi {first_name}", "body": "Sale", "without_name": "you"},
        segment_language="zu",
        _look="1",
    )
    page = manager.post(ADD, body)
    shown = text(page)
    assert "3 members, 2 of them with a device." in shown
    assert "Language zu" in shown
    assert "en Hi Thandi Sale en, without a name Hi you Sale" in shown
    assert not Campaign.objects.exists()
    again = manager.post(ADD, {**hidden_fields(page), "_back": "Back"})
    assert 'value="Spring"' in again.content.decode()
    assert not Campaign.objects.exists()
    assert manager.post(ADD, {**hidden_fields(page), "_continue": "Save"}).status_code == 302
    assert Campaign.objects.get().segment == {"language": "zu"}


def test_a_draft_is_looked_over_and_changed_and_its_texts_audited(manager):
    campaign = make_campaign(segment={"language": "en"})
    english = campaign.texts.get()
    changed = form(
        {
            "id": english.pk,
            "campaign": campaign.pk,
            "language": "en",
            "title": "New",
            "body": "Words",
            "without_name": "",
        },
        name=campaign.name,
    )
    assert "New Words" in text(manager.post(page_of(campaign), {**changed, "_look": "1"}))
    assert campaign.texts.get().title == "Sale"
    assert manager.post(page_of(campaign), changed).status_code == 302
    assert stored(campaign).segment == {}
    entry = AuditEntry.objects.get(action="campaign.texts")
    assert (entry.before, entry.after) == (
        {"en": ["Sale", "Come and see", "friend"]},
        {"en": ["New", "Words", ""]},
    )


def test_the_english_text_can_not_be_deleted(manager):
    campaign = make_campaign()
    english = campaign.texts.get()
    gone = {
        "id": english.pk,
        "campaign": campaign.pk,
        "language": "en",
        "title": "T",
        "body": "B",
        "DELETE": "on",
    }
    page = manager.post(page_of(campaign), form(gone, name=campaign.name))
    assert "Write the English text (en)" in text(page)
    assert campaign.texts.count() == 1


def test_it_is_scheduled_from_a_page_that_says_whom_it_reaches(manager):
    members(3)
    campaign = make_campaign()
    page = text(manager.get(page_of(campaign, "schedule")))
    assert "4 members, 3 of them with a device." in page  # and the manager
    past = manager.post(page_of(campaign, "schedule"), {"begins_at": "2020-01-01T10:00"})
    assert "This time has passed." in text(past)
    tomorrow = timezone.localtime() + timedelta(days=1)
    body = {"begins_at": f"{tomorrow:%Y-%m-%dT%H:%M}"}
    arrived = manager.post(page_of(campaign, "schedule"), body, follow=True)
    assert said(arrived) == ["The campaign is scheduled."]
    at = tomorrow.replace(second=0, microsecond=0)
    assert (stored(campaign).status, campaign.scheduled_at) == ("scheduled", at)
    again = manager.post(page_of(campaign, "schedule"), {"begins_at": ""}, follow=True)
    assert said(again) == ["The campaign is scheduled: schedule is not possible."]
    manager.post(page_of(campaign, "move/withdraw"))
    assert manager.post(page_of(campaign, "schedule"), {"begins_at": ""}).status_code == 302
    assert walk_due() == 2


def test_what_is_incomplete_is_not_scheduled(manager):
    campaign = make_campaign(texts={"zu": ("Sawubona", "Woza")})
    for call in (manager.get, manager.post):
        assert "Write the English text" in said(call(page_of(campaign, "schedule"), follow=True))[0]
    assert stored(campaign).status == "draft"


def test_what_was_scheduled_is_not_edited_or_deleted(manager):
    campaign = scheduled(segment={"language": "en"})
    english = campaign.texts.get()
    body = form(
        {"id": english.pk, "campaign": campaign.pk, "language": "en", "title": "New", "body": "Words"},
        name="Other",
    )
    for status in ("scheduled", "running", "paused", "stopped", "done"):
        Campaign.objects.update(status=status)
        assert manager.post(page_of(campaign), body).status_code == 403
        assert manager.post(page_of(campaign), {**body, "_look": "1"}).status_code == 403
        assert manager.post(page_of(campaign, "delete"), {"post": "yes"}).status_code == 403
        page = manager.get(page_of(campaign))
        assert "Language: en" in text(page)
        assert "_save" not in page.content.decode()
    assert (stored(campaign).name != "Other", campaign.texts.get().title) == (True, "Sale")


def test_it_is_paused_resumed_and_stopped_and_its_page_says_how_far_it_is(manager):
    members(2)
    campaign = scheduled()
    walk_due()
    assert "Written to 3 of 3 Still to go out 3" in text(manager.get(page_of(campaign)))
    for step, status in (("pause", "paused"), ("pause", "paused"), ("resume", "running")):
        arrived = manager.post(page_of(campaign, f"move/{step}"), follow=True)
        assert said(arrived) == [f"The campaign is {status}."]
    assert "a stopped campaign does not begin again" in text(manager.get(page_of(campaign, "move/stop")))
    assert stored(campaign).status == "running"
    manager.post(page_of(campaign, "move/stop"))
    walk_due()
    assert "Cancelled 3" in text(manager.get(page_of(campaign)))
    arrived = manager.post(page_of(campaign, "move/resume"), follow=True)
    assert said(arrived) == ["The campaign is stopped: resume is not possible."]
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions)[1:] == ["campaign.pause", "campaign.resume", "campaign.stop"]


def test_afterwards_its_page_says_what_became_of_every_push(manager):
    campaign = scheduled()
    Campaign.objects.update(status="done", started_at=timezone.now(), finished_at=timezone.now(), written=7)
    for status, reason in (
        ("sent", ""), ("delivered", ""), ("opened", ""), ("failed", "UNREGISTERED"),
        ("dropped", "no device to send to"), ("dropped", "no device to send to"), ("held", "quiet hours"),
    ):  # fmt: skip
        PushNotification.objects.create(
            campaign=campaign, title="…", message="…", status=status, reason=reason
        )
    page = text(manager.get(page_of(campaign)))
    assert "Sent 3 Delivered 2 Opened 1 Held 1: quiet hours Failed 1: UNREGISTERED" in page
    assert "Dropped 2: no device to send to" in page


def test_a_test_goes_to_whoever_asks(manager):
    campaign = make_campaign()
    arrived = manager.post(page_of(campaign, "test"), follow=True)
    assert said(arrived) == ["1 text is on the way to your own inbox and devices."]
    assert InboxMessage.objects.get().user == User.objects.get(is_staff=True)
    assert AuditEntry.objects.get().action == "campaign.test"


def test_buttons_are_no_links_and_steps_must_be_known(manager):
    campaign = make_campaign()
    for what in ("test", "move/pause", "move/withdraw", "move/start", "move/schedule"):
        assert manager.get(page_of(campaign, what)).status_code == 404
    assert manager.post(page_of(campaign, "move/finish")).status_code == 404
    assert manager.post(f"{LIST}987654/move/pause/").status_code == 404


def test_without_the_permission_to_run_campaigns_drafts_are_written_and_nothing_is_sent(client):
    writer = make_user(is_staff=True)
    names = [
        f"{verb}_{model}" for verb in ("view", "add", "change") for model in ("campaign", "campaigntext")
    ]
    writer.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(writer)
    assert client.post(ADD, form()).status_code == 302
    campaign = Campaign.objects.get()
    for what in ("schedule", "test", "move/pause", "move/resume", "move/stop", "move/withdraw"):
        assert client.post(page_of(campaign, what)).status_code == 403
    page = client.get(page_of(campaign)).content.decode()
    assert "Send a test to me" not in page
    assert stored(campaign).status == "draft"


def test_agents_see_no_campaigns(client):
    client.force_login(staff(SUPPORT_AGENT))
    campaign = make_campaign()
    assert client.get(LIST).status_code == 403
    assert client.get(page_of(campaign)).status_code == 403
    assert client.post(page_of(campaign, "move/stop")).status_code == 403
    assert client.get(page_of(campaign, "schedule")).status_code == 403


def test_the_list_says_how_far_each_is(manager):
    make_campaign()
    Campaign.objects.filter(pk=scheduled().pk).update(
        status="running", started_at=timezone.now(), written=1200, reach=5000
    )
    assert "1,200 of 5,000" in text(manager.get(LIST))
