"""How agents narrow the queue down."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q
from django.http import HttpRequest

from chat_support.models.tickets import SupportTicket, TicketQuerySet


class StateFilter(admin.SimpleListFilter):
    """Shows what is to be done, unless somebody asks for more."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((value, str(label)) for value, label in SupportTicket.Status.choices), ("all", "All")]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": "Unsolved"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: Any) -> TicketQuerySet:
        tickets: TicketQuerySet = queryset
        match self.value():
            case None:
                return tickets.unsolved()
            case "all":
                return tickets
            case status:
                return tickets.filter(status=status)


class WhoseFilter(admin.SimpleListFilter):
    title = "agent"
    parameter_name = "whose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("mine", "Mine"), ("nobody", "Nobody's"), ("others", "Others'")]

    def queryset(self, request: HttpRequest, queryset: Any) -> TicketQuerySet:
        tickets: TicketQuerySet = queryset
        mine = Q(assigned_agent=request.user.pk)
        match self.value():
            case "mine":
                return tickets.filter(mine)
            case "nobody":
                return tickets.filter(assigned_agent=None)
            case "others":
                return tickets.exclude(mine).exclude(assigned_agent=None)
        return tickets


class BreachFilter(admin.SimpleListFilter):
    title = "targets"
    parameter_name = "targets"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("missed", "Missed"), ("kept", "Kept so far")]

    def queryset(self, request: HttpRequest, queryset: Any) -> TicketQuerySet:
        tickets: TicketQuerySet = queryset
        missed = Q(first_answer_breached_at__isnull=False) | Q(solution_breached_at__isnull=False)
        match self.value():
            case "missed":
                return tickets.filter(missed)
            case "kept":
                return tickets.exclude(missed)
        return tickets


class TurnFilter(admin.SimpleListFilter):
    title = "next word"
    parameter_name = "turn"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("ours", "Ours"), ("member", "The member's")]

    def queryset(self, request: HttpRequest, queryset: Any) -> TicketQuerySet:
        tickets: TicketQuerySet = queryset
        match self.value():
            case "ours":
                return tickets.filter(waiting_since=None)
            case "member":
                return tickets.exclude(waiting_since=None)
        return tickets
