"""Writing down what Stream answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from chat_support import stream
from chat_support.answers import CONFIGURATION_WAIT, LAST_TRY, STOPS, Answer, Verdict, wait_after
from chat_support.models import StreamCall
from chat_support.selectors.stream import channel_key, channel_subject
from chat_support.services.planning import Plan
from chat_support.services.stream_calls import user_call
from core.outgoing import STILL_TO_SEND

Action, State = StreamCall.Action, StreamCall.State


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call: the answer to its last request, and those before it that are done."""

    plan: Plan
    answer: Answer
    done: tuple[stream.Request, ...] = ()


@transaction.atomic
def record(outcomes: Sequence[Outcome], *, at: datetime) -> None:
    """Write answers of calls that are still the caller's, and what Stream knows by them.

    After the last try a call has failed; where somebody has to mend our settings first, it was no try.
    """
    rows = _brought_along(outcomes, at=at)
    answered = Q(pk__in=[outcome.plan.call.pk for outcome in outcomes]) | Q(key__in=rows)
    # One order for all of them, or an erasure and this would wait for each other.
    list(StreamCall.objects.filter(answered).order_by("pk").select_for_update(no_key=True).values_list("pk"))
    StreamCall.objects.bulk_create(
        [rows[key] for key in sorted(rows)],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["state", "error", "answered_at", "updated_at"],
    )
    for outcome in sorted(outcomes, key=lambda one: one.plan.call.pk):
        call = outcome.plan.call
        ours = StreamCall.objects.filter(STILL_TO_SEND, pk=call.pk, tries=call.tries)
        ours.update(updated_at=at, **_changes(call, outcome, at=at))


def _changes(call: StreamCall, outcome: Outcome, *, at: datetime) -> dict[str, Any]:
    answer = outcome.answer
    if answer.verdict is Verdict.DONE:
        return {"state": State.DONE, "error": "", "answered_at": at, "arguments": _told(outcome.plan)}
    if answer.verdict in STOPS:
        return {"error": answer.word, "due_at": at + CONFIGURATION_WAIT, "tries": call.tries - 1}
    if answer.verdict is Verdict.LATER and call.tries < LAST_TRY:
        return {"error": answer.word, "due_at": at + wait_after(call.tries, answer)}
    return {"state": State.FAILED, "error": answer.word, "answered_at": at}


def _told(plan: Plan) -> dict[str, Any]:
    """Keep which profile was told or known already, which may be another than when it was asked for."""
    arguments: dict[str, Any] = plan.call.arguments
    return {**arguments, "profile": plan.profile} if plan.profile else arguments


def _brought_along(outcomes: Sequence[Outcome], *, at: datetime) -> dict[str, StreamCall]:
    """Return what calls brought along beside their own purpose, by key, so that the next ones need not."""
    rows: dict[str, StreamCall] = {}
    known: set[stream.Request] = set()
    for outcome in outcomes:
        call = outcome.plan.call
        for request in outcome.done:
            if request in known:
                continue
            known.add(request)
            row = _row_of(request, call, at=at)
            if row is not None:
                rows[row.key] = row
    return rows


def _row_of(request: stream.Request, call: StreamCall, *, at: datetime) -> StreamCall | None:
    done: dict[str, Any] = {"state": State.DONE, "answered_at": at, "due_at": at}
    match request:
        case stream.TellUser(user) if call.action != Action.UPSERT_USER:
            return user_call(None, user, after=call.pk, **done)
        case stream.OpenChannel() if call.action != Action.OPEN_CHANNEL:
            return StreamCall(
                action=Action.OPEN_CHANNEL,
                subject=channel_subject(request.channel_id),
                key=channel_key(request.channel_id),
                arguments={"channel_id": request.channel_id, "ticket_id": request.ticket_id},
                **done,
            )
    return None


def release(calls: Sequence[StreamCall], *, at: datetime) -> None:
    """Give calls back that were claimed and not made: it was no try of theirs."""
    for call in calls:
        StreamCall.objects.filter(STILL_TO_SEND, pk=call.pk, tries=call.tries).update(
            due_at=at, tries=F("tries") - 1, updated_at=at
        )


def rest_all(*, at: datetime) -> None:
    """Let everything rest that is due: nothing can be asked."""
    StreamCall.objects.filter(STILL_TO_SEND, due_at__lte=at).update(
        due_at=at + CONFIGURATION_WAIT, updated_at=at
    )
