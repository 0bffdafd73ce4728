"""What becomes of calls of Stream afterwards: those given up are tried again, and all are forgotten."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.fields.json import KeyTextTransform

from chat_support import stream
from chat_support.models import StreamCall, SupportTicket
from core import audit
from core.contracts import Actor
from core.forgetting import forget
from core.outgoing import STILL_TO_SEND

KEPT = timedelta(days=30)

State = StreamCall.State


@transaction.atomic
def try_again(call_ids: Collection[int], *, actor: Actor, at: datetime) -> int:
    """Give those of the calls that were given up all their tries again; return how many there were."""
    calls = StreamCall.objects.filter(pk__in=call_ids, state=State.FAILED).order_by("pk")
    calls = calls.exclude(arguments={})  # whose member was erased
    given_up = list(calls.select_for_update())
    for call in given_up:
        audit.record(
            actor=actor,
            action="streamcall.retry",
            target=call,
            before={"state": call.state, "tries": call.tries, "error": call.error},
            after={"state": State.PENDING, "tries": 0, "error": ""},
        )
        call.state, call.tries, call.error = State.PENDING, 0, ""
        call.answered_at, call.due_at, call.updated_at = None, at, at
    StreamCall.objects.bulk_update(
        given_up, ["state", "tries", "error", "answered_at", "due_at", "updated_at"]
    )
    return len(given_up)


def forget_calls(*, at: datetime) -> int:
    """Delete calls that were answered 30 days ago, in chunks; return how many rows.

    An erasure that was given up stays until somebody has it tried again.
    While Stream is off, what has waited as long goes too, but for what concerns tickets that are still to be
    solved, and for erasures: those Stream shall hear of whenever it is turned on.
    """
    answered = StreamCall.objects.filter(answered_at__lt=at - KEPT)
    forgotten = forget(answered.exclude(action=StreamCall.Action.DELETE_USER, state=State.FAILED))
    if not stream.is_on():
        forgotten += forget(
            StreamCall.objects.alias(of_channel=KeyTextTransform("channel_id", "arguments"))
            .filter(
                STILL_TO_SEND,
                ~Exists(SupportTicket.objects.unsolved().filter(channel_id=OuterRef("of_channel"))),
                created_at__lt=at - KEPT,
            )
            .exclude(action=StreamCall.Action.DELETE_USER)
        )
    return forgotten
