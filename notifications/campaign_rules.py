"""What may be done with a campaign, and what its texts must be. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from notifications.kinds import ENGLISH, text_fault, variables

FIRST_NAME = "first_name"
FACTS: Mapping[str, str] = {FIRST_NAME: "Thandi"}
"""The facts that a campaign's texts may use, with an example for the preview."""


class Step(StrEnum):
    SCHEDULE = "schedule"
    WITHDRAW = "withdraw"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    FINISH = "finish"


STEPS: Mapping[Step, Mapping[str, str]] = {
    Step.SCHEDULE: {"draft": "scheduled"},
    Step.WITHDRAW: {"scheduled": "draft"},
    Step.START: {"scheduled": "running"},
    Step.PAUSE: {"running": "paused"},
    Step.RESUME: {"paused": "running"},
    Step.STOP: {"scheduled": "stopped", "running": "stopped", "paused": "stopped"},
    Step.FINISH: {"running": "done"},
}
"""Step → from which status to which. A campaign runs until the last of its pushes has gone out."""

BY_HAND = (Step.SCHEDULE, Step.WITHDRAW, Step.PAUSE, Step.RESUME, Step.STOP)


def is_taken(step: Step, status: str) -> bool:
    """Say whether a campaign is where the step leads: it was taken before."""
    return status in STEPS[step].values()


def steps_from(status: str) -> tuple[Step, ...]:
    """Return what staff may do with a campaign of this status."""
    return tuple(step for step in BY_HAND if status in STEPS[step])


@dataclass(frozen=True, slots=True)
class Wording:
    """What a campaign says in one language; `without_name` stands for the first name where there is none."""

    language: str
    title: str
    body: str
    without_name: str = ""


def wording_faults(text: Wording) -> dict[str, str]:
    """Say what is wrong with a text, by the field that is to be changed."""
    faults = {
        field: fault
        for field, value in (("title", text.title), ("body", text.body))
        if (fault := text_fault(value, FACTS))
    }
    if not faults and not text.without_name and FIRST_NAME in variables(text.title) | variables(text.body):
        faults["without_name"] = f"Say what stands for {{{FIRST_NAME}}} where a member gave no name."
    return faults


def language_fault(languages: Iterable[str]) -> str:
    """Say what is wrong with the languages of a campaign's texts; empty when nothing is."""
    if ENGLISH in languages:
        return ""
    return f"Write the English text ({ENGLISH}): everybody gets it whose own language has none."


def unknown_criteria(segment: Mapping[str, object], known: Iterable[str]) -> list[str]:
    """Name what a segment asks for and no app knows."""
    return sorted(segment.keys() - set(known))
