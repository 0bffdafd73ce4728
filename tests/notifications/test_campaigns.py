"""Campaigns: their steps, the walk over their segment, and what becomes of their pushes."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.contracts import SYSTEM, Actor
from core.models import AuditEntry
from notifications.campaign_rules import BY_HAND, STEPS, Step
from notifications.models import (
    Campaign,
    CampaignText,
    InboxMessage,
    MarketingCount,
    NotificationPreference,
    PushNotification,
    PushSend,
    QuietHours,
)
from notifications.selectors.campaigns import Results, results
from notifications.services import sending, walking
from notifications.services.campaign_messages import send_test
from notifications.services.campaigns import (
    CampaignIncomplete,
    StepNotPossible,
    move_campaign,
    schedule_campaign,
)
from notifications.services.fanning_out import fan_out
from notifications.services.walking import walk_due, write_chunk
from rewards.models import LoyaltyTier
from tests.accounts.factories import make_user
from tests.concurrency import together
from tests.databases import environment_of
from tests.notifications.campaigns import make_campaign, members, scheduled
from tests.notifications.factories import TRANSACTIONAL, make_device, tell

pytestmark = pytest.mark.django_db(transaction=True)

BOSS = Actor("staff:boss")
LEASE = timedelta(seconds=60)


def move(campaign, step, at=None):
    return move_campaign(campaign_id=campaign.pk, step=step, actor=BOSS, at=at or timezone.now())


def statuses(campaign):
    return sorted(PushNotification.objects.filter(campaign=campaign).values_list("status", flat=True))


def decide(limit=500):
    """What the sender does before it sends."""
    return fan_out(limit=limit, lease=LEASE, at=timezone.now())


def walk_all():
    """Walk, however slow the machine is, until there is nothing to do."""
    while walk_due():
        pass


def send_all():
    """Send what is due, and record that all of it went out."""
    sends, _ = decide()
    now = timezone.now()
    ids = [send.send_id for send in sends]
    PushSend.objects.filter(pk__in=ids).update(state="done", answered_at=now)
    PushNotification.objects.filter(status="sending").update(status="sent", sent_at=now)


# --- what can be scheduled ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"texts": {"zu": ("Sawubona", "Woza")}}, "Write the English text (en)"),
        ({"texts": {"en": ("{points}", "…")}}, "en, title: There is no {points} here. Facts of this"),
        ({"texts": {"en": ("Hi", "{")}}, "en, body: This can't be read"),
        ({"segment": {"label": "vip"}}, "Nothing is known of label."),
        (
            {"segment": {"ordered_within_days": 0}},
            "Last order at most so many days ago: Ensure this value is greater than or equal to 1.",
        ),
        ({"link": "https://example.com/"}, "This leads nowhere in the app."),
    ],
)
def test_what_could_not_go_out_is_not_scheduled(fields, said):
    campaign = make_campaign(**fields)
    with pytest.raises(CampaignIncomplete) as refusal:
        schedule_campaign(campaign_id=campaign.pk, scheduled_at=timezone.now(), actor=BOSS)
    assert said in refusal.value.detail
    campaign.refresh_from_db()
    assert (campaign.status, campaign.scheduled_at) == ("draft", None)
    assert not AuditEntry.objects.exists()


def test_a_text_with_a_name_says_what_stands_for_it():
    campaign = make_campaign(texts={"en": ("Hi {first_name}", "…")})
    CampaignText.objects.update(without_name="")
    with pytest.raises(CampaignIncomplete, match="Say what stands for"):
        schedule_campaign(campaign_id=campaign.pk, scheduled_at=timezone.now(), actor=BOSS)


def test_scheduling_twice_is_scheduling_once_and_another_time_is_refused():
    campaign, at = make_campaign(), timezone.now() + timedelta(hours=1)
    for _ in range(2):
        schedule_campaign(campaign_id=campaign.pk, scheduled_at=at, actor=BOSS)
    with pytest.raises(StepNotPossible):
        schedule_campaign(campaign_id=campaign.pk, scheduled_at=at + timedelta(hours=1), actor=BOSS)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target) == (
        "staff:boss",
        "campaign.schedule",
        f"notifications.campaign:{campaign.pk}",
    )
    assert (entry.before["status"], entry.after["status"]) == ("draft", "scheduled")


@pytest.mark.parametrize("step", [step for step in BY_HAND if step != Step.SCHEDULE])
@pytest.mark.parametrize("status", Campaign.Status.values)
def test_a_step_is_taken_where_the_table_has_it_once_and_nowhere_else(step, status):
    campaign = make_campaign(status=status, scheduled_at=timezone.now())
    to = STEPS[step].get(status)
    if to is None and status not in STEPS[step].values():
        with pytest.raises(StepNotPossible):
            move(campaign, step)
        to = status
    else:
        for _ in range(2):
            assert move(campaign, step).status == (to or status)
    campaign.refresh_from_db()
    assert campaign.status == (to or status)
    assert AuditEntry.objects.filter(action=f"campaign.{step}").count() == int(status in STEPS[step])


# --- the walk ----------------------------------------------------------------------------------------------


def test_every_member_gets_it_once_in_their_language_by_their_name():
    thandi = make_user("thandi", first_name="Thandi")
    nobody = make_user("nameless")
    zulu = make_user("zulu", first_name="Sipho", language="zu-ZA")
    make_user("blocked", is_active=False)
    campaign = scheduled(
        texts={"en": ("Hi {first_name}", "Come, {first_name}!"), "zu": ("Sawubona {first_name}", "Woza!")},
        link="markethub://products/7",
    )
    walk_all()
    found = InboxMessage.objects.order_by("user_id").values_list(
        "user_id", "title", "body", "link", "kind", "category", "notification_type", "key", "campaign_id"
    )
    key, link, rest = (
        f"campaign:{campaign.pk}",
        "markethub://products/7",
        ("campaign", "marketing", "marketing"),
    )
    assert list(found) == [
        (thandi.pk, "Hi Thandi", "Come, Thandi!", link, *rest, key, campaign.pk),
        (nobody.pk, "Hi friend", "Come, friend!", link, *rest, key, campaign.pk),
        (zulu.pk, "Sawubona Sipho", "Woza!", link, *rest, key, campaign.pk),
    ]
    pushes = PushNotification.objects.order_by("user_id")
    assert [(push.user_id, push.title, push.campaign_id, push.status) for push in pushes] == [
        (thandi.pk, "Hi Thandi", campaign.pk, "pending"),
        (nobody.pk, "Hi friend", campaign.pk, "pending"),
        (zulu.pk, "Sawubona Sipho", campaign.pk, "pending"),
    ]
    assert pushes[0].payload == {"kind": "campaign", "link": link}
    campaign.refresh_from_db()
    assert (campaign.status, campaign.reach, campaign.written) == ("running", 3, 3)


def test_it_begins_when_it_is_due_and_who_joins_later_is_not_written_to():
    members(5)
    campaign = make_campaign()
    later = timezone.now() + timedelta(hours=1)
    schedule_campaign(campaign_id=campaign.pk, scheduled_at=later, actor=BOSS)
    assert walk_due() == 0
    assert not walking.start(campaign.pk, at=later - timedelta(seconds=1))
    assert walking.start(campaign.pk, at=later)
    campaign.refresh_from_db()
    assert (campaign.status, campaign.written) == ("running", 0)
    late = make_user()
    walk_all()
    campaign.refresh_from_db()
    assert (campaign.written, campaign.reach) == (5, 5)
    assert not InboxMessage.objects.filter(user=late).exists()


def test_a_rare_segment_is_walked_window_by_window(monkeypatch):
    monkeypatch.setattr(walking, "WINDOW", 3)
    monkeypatch.setattr(walking, "_CHUNK", 2)
    for number in range(20):
        make_user(f"m{number}", language="zu" if number in (0, 1, 2, 11, 19) else "en")
    campaign = scheduled(segment={"language": "zu"})
    walk_all()
    campaign.refresh_from_db()
    assert campaign.written == 5
    assert campaign.walked_to == campaign.walk_until
    told = InboxMessage.objects.order_by("user_id").values_list("user__username", flat=True)
    assert list(told) == ["m0", "m1", "m2", "m11", "m19"]


def test_what_a_member_has_switched_off_is_kept_from_them_and_counted():
    quiet, loud = members(2)
    for channel in ("inbox", "push"):
        NotificationPreference.objects.create(
            user=quiet, category="marketing", channel=channel, enabled=False
        )
    campaign = scheduled()
    walk_all()
    decide()
    assert InboxMessage.objects.get(user=quiet).withheld == "preference"
    assert InboxMessage.objects.get(user=loud).withheld == ""
    push = PushNotification.objects.get(user=quiet)
    assert (push.status, push.reason) == ("dropped", "the member has switched it off")
    assert statuses(campaign) == ["dropped", "sending"]


def test_it_is_done_when_the_last_push_has_gone_out_and_no_sooner():
    sleeper, _ = members(2)
    here = timezone.localtime()
    QuietHours.objects.filter(user=sleeper).update(
        begins=(here - timedelta(hours=1)).time(), ends=(here + timedelta(hours=1)).time()
    )
    campaign = scheduled()
    walk_all()
    send_all()
    walk_all()
    campaign.refresh_from_db()
    assert (campaign.status, statuses(campaign)) == ("running", ["held", "sent"])
    assert results(campaign.pk).held == {"quiet hours": 1}
    QuietHours.objects.filter(user=sleeper).update(begins="00:00", ends="00:00")
    PushNotification.objects.filter(status="held").update(due_at=timezone.now())
    send_all()
    walk_all()
    campaign.refresh_from_db()
    assert campaign.status == "done"
    assert campaign.finished_at is not None
    assert MarketingCount.objects.filter(count=1).count() == 2


def test_a_campaign_that_can_not_begin_is_a_draft_again_and_the_trail_says_why():
    tier = LoyaltyTier.objects.create(name="Copper", min_points=7)
    campaign = scheduled(segment={"tiers": [tier.pk]})
    tier.delete()
    members(1)
    other = scheduled()
    walk_all()
    campaign.refresh_from_db()
    assert (campaign.status, campaign.started_at) == ("draft", None)
    entry = AuditEntry.objects.get(action="campaign.withdraw")
    assert entry.actor == "system"
    assert "is not one of the available choices" in entry.reason
    assert statuses(other) == ["pending"]


def test_a_campaign_that_can_not_go_on_does_not_keep_the_others(caplog):
    members(2)
    broken, other = scheduled(), scheduled()
    Campaign.objects.filter(pk=broken.pk).update(
        status="running", started_at=timezone.now(), walk_until=2**40, segment={"label": "vip"}
    )
    walk_all()
    assert statuses(other) == ["pending", "pending"]
    assert f"campaign {broken.pk} can't go on now" in caplog.text


def test_a_chunk_takes_as_many_queries_for_one_member_as_for_fifty():
    counts = []
    for count in (1, 49):
        members(count)
        campaign = scheduled(segment={"tiers": [LoyaltyTier.objects.get(name="Bronze").pk], "language": "en"})
        walking.start(campaign.pk, at=timezone.now())
        with CaptureQueriesContext(connection) as queries:
            assert write_chunk(campaign.pk, at=timezone.now())
        counts.append(len(queries))
    # BEGIN, lock, window, the first tier, members, texts, preferences, inbox, which of it is new, pushes,
    # how far, COMMIT
    assert counts == [12, 12]
    assert InboxMessage.objects.filter(campaign=campaign).count() == 50


# --- killed, and two at once -------------------------------------------------------------------------------

# Kills itself, by the signal that nobody can catch, right after the n-th call of a function.
_KILLED = """
import os, signal, sys
import django
django.setup()
from notifications.services import walking
name, nth = sys.argv[1:]
walking._CHUNK = 7
original, calls = getattr(walking, name), 0

def killed(*arguments, **named):
    global calls
    result = original(*arguments, **named)
    calls += 1
    if calls == int(nth):
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(walking, name, killed)
walking.walk_due(seconds=60)
"""


def walk_in_another_process(name, nth):
    environment = environment_of(connection.settings_dict["NAME"]) | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "REDIS_URL": "redis://127.0.0.1:1",
    }
    return subprocess.run(
        [sys.executable, "-c", _KILLED, name, str(nth)],
        cwd=settings.BASE_DIR,
        env={**os.environ, **environment},
        check=False,
        timeout=60,
    ).returncode


def test_killed_anywhere_it_goes_on_and_nobody_is_told_twice_or_left_out():
    told = [member.pk for member in members(40)]
    campaign = scheduled()
    for name, nth in (
        ("write_messages", 1),
        ("write_messages", 3),
        ("write_chunk", 2),
        ("segment_members", 1),
    ):
        assert walk_in_another_process(name, nth) == -signal.SIGKILL
        campaign.refresh_from_db()
        assert campaign.written == InboxMessage.objects.count() == PushNotification.objects.count()
    assert campaign.written == 7 * (0 + 2 + 2 + 0)  # what a kill in a chunk's middle had written is gone
    walk_all()
    campaign.refresh_from_db()
    assert campaign.written == 40
    assert sorted(InboxMessage.objects.values_list("user_id", flat=True)) == told
    assert sorted(PushNotification.objects.values_list("user_id", flat=True)) == told


def test_of_two_walkers_each_chunk_is_one_s(monkeypatch):
    monkeypatch.setattr(walking, "_CHUNK", 3)
    told = [member.pk for member in members(60)]
    campaign = scheduled()
    done = together(*[walk_due] * 4)
    assert all(isinstance(chunks, int) for chunks in done), done
    walk_all()
    campaign.refresh_from_db()
    assert campaign.written == 60
    assert sorted(PushNotification.objects.values_list("user_id", flat=True)) == told


def test_while_a_chunk_is_written_nobody_else_writes_it_and_its_walker_does_not_wait():
    members(3)
    campaign = scheduled()
    walking.start(campaign.pk, at=timezone.now())
    with transaction.atomic():
        assert write_chunk(campaign.pk, at=timezone.now())
        assert together(lambda: write_chunk(campaign.pk, at=timezone.now()), timeout=10) == [False]
    campaign.refresh_from_db()
    assert campaign.written == 3


# --- pausing and stopping ----------------------------------------------------------------------------------


def half_walked(monkeypatch, count=6):
    monkeypatch.setattr(walking, "_CHUNK", count // 2)
    members(count)
    campaign = scheduled()
    walking.start(campaign.pk, at=timezone.now())
    write_chunk(campaign.pk, at=timezone.now())
    return campaign


def test_paused_it_writes_and_sends_nothing_until_it_is_resumed(monkeypatch):
    campaign = half_walked(monkeypatch)
    move(campaign, Step.PAUSE)
    assert walk_due() == 0
    assert not write_chunk(campaign.pk, at=timezone.now())
    assert decide() == ([], 3)
    assert statuses(campaign) == ["paused"] * 3
    assert results(campaign.pk).paused == 3
    assert decide() == ([], 0)  # they are not looked at again and again
    move(campaign, Step.RESUME)
    walk_all()
    assert statuses(campaign) == ["pending"] * 6
    assert set(PushNotification.objects.values_list("reason", flat=True)) == {""}
    sends, _ = decide()
    assert len(sends) == 6


def test_stopped_what_has_not_gone_out_is_cancelled_and_what_has_stays(monkeypatch):
    campaign = half_walked(monkeypatch)
    decide(limit=1)
    held = PushNotification.objects.filter(status="pending").first()
    PushNotification.objects.filter(pk=held.pk).update(status="held", due_at=timezone.now() + LEASE)
    move(campaign, Step.STOP)
    walk_all()
    campaign.refresh_from_db()
    assert statuses(campaign) == ["cancelled", "cancelled", "sending"]
    assert (campaign.status, campaign.written) == ("stopped", 3)
    assert campaign.finished_at is not None
    assert results(campaign.pk).cancelled == 2


def test_a_push_that_is_due_before_the_sweep_is_cancelled_by_the_sender(monkeypatch):
    campaign = half_walked(monkeypatch)
    move(campaign, Step.STOP)
    assert decide() == ([], 3)
    assert set(PushNotification.objects.values_list("status", "reason")) == {
        ("cancelled", "the campaign was stopped")
    }


def test_another_try_of_a_stopped_campaigns_push_is_not_made(monkeypatch):
    campaign = half_walked(monkeypatch)
    decide()
    PushSend.objects.update(due_at=timezone.now())
    assert len(sending._claim(8).sends) == 3
    move(campaign, Step.STOP)
    PushSend.objects.update(due_at=timezone.now())
    batch = sending._claim(8)
    assert ([*batch.sends], [one.answer.word for one in batch.refused]) == ([], ["CANCELLED"] * 3)


def test_one_that_never_began_is_stopped_at_once():
    campaign = scheduled()
    assert move(campaign, Step.STOP).finished_at is not None
    assert walk_due() == 0


@pytest.mark.parametrize("step", [Step.PAUSE, Step.STOP])
def test_walker_and_sender_at_once_with_a_step_leave_nothing_between(monkeypatch, step):
    monkeypatch.setattr(walking, "_CHUNK", 2)
    members(40)
    campaign = scheduled()
    walking.start(campaign.pk, at=timezone.now())

    def sender():
        return [len(decide(limit=5)[0]) for _ in range(20)]

    done = together(walk_due, sender, lambda: move(campaign, step), walk_due)
    assert not [one for one in done if isinstance(one, Exception)], done
    campaign.refresh_from_db()
    written = campaign.written
    assert campaign.status == STEPS[step]["running"]
    assert written == InboxMessage.objects.count() == PushNotification.objects.count()
    sent = PushNotification.objects.filter(status="sending").count()
    while decide()[1] or walk_due():
        pass
    if step is Step.PAUSE:
        assert statuses(campaign) == ["paused"] * (written - sent) + ["sending"] * sent
        move(campaign, Step.RESUME)
        walk_all()
        decide()
        assert statuses(campaign) == ["sending"] * 40
    else:
        assert statuses(campaign) == ["cancelled"] * (written - sent) + ["sending"] * sent
    campaign.refresh_from_db()
    assert campaign.written == InboxMessage.objects.count() == (40 if step is Step.PAUSE else written)


def test_what_the_sender_puts_aside_while_it_is_resumed_is_taken_up(monkeypatch):
    campaign = half_walked(monkeypatch)
    move(campaign, Step.PAUSE)
    move(campaign, Step.RESUME)
    walk_all()
    PushNotification.objects.update(status="paused")  # a batch that was decided while it was paused
    walk_all()
    assert statuses(campaign) == ["pending"] * 6


# --- others' pushes ----------------------------------------------------------------------------------------


def test_a_transactional_push_does_not_wait_behind_a_campaign(monkeypatch):
    campaign = half_walked(monkeypatch, count=20)
    PushNotification.objects.update(due_at=timezone.now() - timedelta(hours=1))
    urgent = make_user()
    make_device(urgent)
    tell(urgent, TRANSACTIONAL)
    sends, decided = decide(limit=4)
    assert decided == 4
    assert [send.push.campaign_id for send in sends] == [None, *[campaign.pk] * 3]
    assert sends[0].push.user_id == urgent.pk


def test_a_campaign_that_waits_for_another_try_leaves_room_for_what_is_new(monkeypatch):
    campaign = half_walked(monkeypatch, count=20)
    decide()
    PushSend.objects.update(due_at=timezone.now() - timedelta(hours=1))
    urgent = make_user()
    make_device(urgent)
    tell(urgent, TRANSACTIONAL)
    batch = sending._claim(8)
    assert [send.push.campaign_id for send in batch.sends] == [campaign.pk] * 6 + [None]
    assert batch.sends[-1].push.user_id == urgent.pk


def test_due_pushes_are_found_by_an_index_of_their_own():
    from notifications.services.fanning_out import due_pushes

    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        for of_campaigns, index in ((False, "single_pushes_due"), (True, "campaign_pushes_due")):
            due = due_pushes(timezone.now(), of_campaigns=of_campaigns).order_by("due_at", "id")[:500]
            assert f"Index Scan using {index}" in due.explain()
        cursor.execute("RESET enable_seqscan")


# --- tests of it, and what became of it --------------------------------------------------------------------


def test_a_test_goes_to_oneself_in_every_language_and_counts_for_nothing():
    (boss,) = members(1, first_name="Palesa")
    QuietHours.objects.update(begins="00:00", ends="23:59:59")
    campaign = make_campaign(texts={"en": ("Hi {first_name}", "…"), "zu": ("Sawubona {first_name}", "…")})
    CampaignText.objects.create(campaign=campaign, language="af", title="{points}", body="…")
    sent = send_test(campaign_id=campaign.pk, user_id=boss.pk, first_name="Palesa", actor=BOSS)
    again = send_test(campaign_id=campaign.pk, user_id=boss.pk, first_name="Palesa", actor=BOSS)
    assert (sent, again) == (2, 2)
    titles = InboxMessage.objects.order_by("title").values_list("title", "withheld", "campaign")
    assert list(titles) == [("Hi Palesa", "", None)] * 2 + [("Sawubona Palesa", "", None)] * 2
    sends, _ = decide()
    assert len(sends) == 4
    assert not MarketingCount.objects.exists()
    assert results(campaign.pk) == Results(0, 0, 0, {}, 0, 0, 0, {}, {}, 0)
    campaign.refresh_from_db()
    assert (campaign.status, campaign.written) == ("draft", 0)


def test_results_count_every_push_by_what_became_of_it():
    campaign = make_campaign()
    rows = [
        ("pending", "", 2),
        ("held", "quiet hours", 3),
        ("paused", "the campaign is paused", 1),
        ("sending", "", 4),
        ("sent", "", 5),
        ("delivered", "", 6),
        ("opened", "", 7),
        ("failed", "UNREGISTERED", 8),
        ("failed", "INTERNAL", 1),
        ("dropped", "no device to send to", 9),
        ("cancelled", "the campaign was stopped", 10),
    ]
    for status, reason, count in rows:
        for _ in range(count):
            PushNotification.objects.create(
                campaign=campaign, title="…", message="…", status=status, reason=reason
            )
    PushNotification.objects.create(title="another's", message="…", status="sent")
    with CaptureQueriesContext(connection) as queries:
        found = results(campaign.pk)
    assert len(queries) == 1
    assert found == Results(
        waiting=2,
        sending=4,
        paused=1,
        held={"quiet hours": 3},
        sent=18,
        delivered=13,
        opened=7,
        failed={"UNREGISTERED": 8, "INTERNAL": 1},
        dropped={"no device to send to": 9},
        cancelled=10,
    )


def test_the_application_s_role_may_do_all_of_it(as_app, monkeypatch):
    members(3)
    campaign = make_campaign()
    schedule_campaign(campaign_id=campaign.pk, scheduled_at=timezone.now(), actor=SYSTEM)
    walk_all()
    move(campaign, Step.PAUSE)
    decide()
    move(campaign, Step.RESUME)
    walk_all()
    move(campaign, Step.STOP)
    walk_all()
    assert statuses(campaign) == ["cancelled"] * 3
