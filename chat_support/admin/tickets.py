"""The queue of tickets, and the page on which agents answer one."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from chat_support.admin import filters
from chat_support.admin.forms import AnswerForm, AssignForm, PriorityForm
from chat_support.admin.shown import (
    STEP_LABELS,
    member_panel,
    moment,
    steps,
    targets,
    ticket_page,
)
from chat_support.models import SupportTicket
from chat_support.models.tickets import TicketQuerySet
from chat_support.rules import UNSOLVED
from chat_support.selectors.desk import is_on_duty
from chat_support.selectors.tickets import queue
from chat_support.selectors.transcript import as_text, transcript
from chat_support.services.assigning import assign_ticket, set_duty
from chat_support.services.changing import change_priority
from chat_support.services.messages import mark_read
from chat_support.services.steps import move_ticket
from chat_support.services.writing import answer_ticket
from core.admin import ReadOnly
from core.contracts import Actor
from core.errors import DomainError

LIST = "admin:chat_support_supportticket_changelist"
PAGE = "admin:chat_support_supportticket_change"


@admin.register(SupportTicket)
class SupportTicketAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Tickets are made and written in by services alone; here agents look, answer, assign and move them."""

    list_display = (
        "number",
        "subject",
        "member",
        "status",
        "priority",
        "agent",
        "target",
        "unread",
        "last_word",
    )
    list_display_links = ("number", "subject")
    list_select_related = ("user", "assigned_agent")
    list_filter = (
        filters.StateFilter,
        filters.WhoseFilter,
        filters.BreachFilter,
        filters.TurnFilter,
        "priority",
    )
    search_fields = ("=id", "=user__username", "=user__email", "subject")
    search_help_text = "A number, a whole username or e-mail, or words of a subject."
    show_full_result_count = False
    actions = None
    list_per_page = 50
    change_list_template = "admin/chat_support/supportticket/change_list.html"

    def has_view_permission(self, request: HttpRequest, obj: SupportTicket | None = None) -> bool:
        return super().has_view_permission(request, obj) or may_answer(request)

    def get_queryset(self, request: HttpRequest) -> TicketQuerySet:
        return queue(SupportTicket.objects.all())

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("turn", "breached", "rank", "next_due", "pk")

    @admin.display(description="#", ordering="pk")
    def number(self, ticket: SupportTicket) -> int:
        return ticket.pk

    @admin.display(description="member")
    def member(self, ticket: SupportTicket) -> str:
        return ticket.user.get_username()

    @admin.display(description="agent")
    def agent(self, ticket: SupportTicket) -> str:
        return ticket.assigned_agent.get_username() if ticket.assigned_agent else "nobody"

    @admin.display(description="targets")
    def target(self, ticket: SupportTicket) -> str:
        missed = [shown.name.lower() for shown in targets(ticket) if shown.is_missed]
        if missed:
            return f"missed: {', '.join(missed)}"
        if ticket.status not in UNSOLVED:
            return "kept"
        if ticket.waiting_since is not None:
            return "waiting for the member"
        return f"due {moment(ticket.next_due)}"  # type: ignore[attr-defined]  # `queue` adds it

    @admin.display(description="unread", ordering="unread_by_agents")
    def unread(self, ticket: SupportTicket) -> int:
        return ticket.unread_by_agents

    @admin.display(description="last word", ordering="last_message_at")
    def last_word(self, ticket: SupportTicket) -> str:
        who = "member" if ticket.last_message_by_member else "us"
        return f"{moment(ticket.last_message_at)}, {who}"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "chat_support_supportticket"
        return [
            path("duty/", view(self.duty_view), name=f"{name}_duty"),
            path("<int:ticket_id>/answer/", view(self.answer_view), name=f"{name}_answer"),
            path("<int:ticket_id>/assign/", view(self.assign_view), name=f"{name}_assign"),
            path("<int:ticket_id>/priority/", view(self.priority_view), name=f"{name}_priority"),
            path("<int:ticket_id>/read/", view(self.read_view), name=f"{name}_read"),
            path("<int:ticket_id>/move/<str:to>/", view(self.move_view), name=f"{name}_move"),
            path(
                "<int:ticket_id>/transcript.<str:form>", view(self.transcript_view), name=f"{name}_transcript"
            ),
            *super().get_urls(),
        ]

    # --- pages ---------------------------------------------------------------------------------------------

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context: dict[str, Any] = {"title": "Tickets", "may_answer": may_answer(request)}
        if context["may_answer"]:
            context["on_duty"] = is_on_duty(_user_id(request))
        return super().changelist_view(request, context | (extra_context or {}))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a ticket: what was said, what may be done, and who asks."""
        ticket = self._ticket(request, unquote(object_id))
        return self._page(request, ticket)

    def _page(
        self, request: HttpRequest, ticket: SupportTicket, answer: AnswerForm | None = None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            **ticket_page(ticket),
            **member_panel(request, ticket, at=timezone.now()),
            "opts": self.opts,
            "title": f"#{ticket.pk} {ticket.subject}",
            "may_answer": may_answer(request),
        }
        if context["may_answer"]:
            context |= {
                "answer": answer or AnswerForm(),
                "assign": AssignForm(initial={"agent": ticket.assigned_agent_id}),
                "priority": PriorityForm(initial={"priority": ticket.priority}),
                "steps": steps(ticket),
            }
        return TemplateResponse(request, "admin/chat_support/supportticket/page.html", context)

    def transcript_view(self, request: HttpRequest, ticket_id: int, form: str) -> HttpResponse:
        """Give a ticket's transcript as a file, `txt` or `json`."""
        found = transcript(self._ticket(request, str(ticket_id)))
        answer: HttpResponse
        if form == "txt":
            answer = HttpResponse(as_text(found), content_type="text/plain; charset=utf-8")
        elif form == "json":
            answer = JsonResponse(asdict(found))
        else:
            raise Http404
        answer["Content-Disposition"] = f'attachment; filename="ticket-{ticket_id}.{form}"'
        return answer

    # --- what agents do ------------------------------------------------------------------------------------

    def duty_view(self, request: HttpRequest) -> HttpResponse:
        """Put who asks on duty, or off it."""
        _require_answering(request)
        on_duty = request.POST.get("on_duty") == "1"
        actor = Actor.of(request.user)
        set_duty(user_id=_user_id(request), on_duty=on_duty, actor=actor, at=timezone.now())
        said = "You are on duty: tickets are given to you." if on_duty else "You are off duty."
        self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(reverse(LIST))

    def answer_view(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """Write an answer, and resolve the ticket with it if that is wanted."""
        ticket = self._ticket_to_answer(request, ticket_id)
        form = AnswerForm(request.POST)
        if not form.is_valid():
            return self._page(request, ticket, form)
        actor, at = Actor.of(request.user), timezone.now()

        return self._do(
            request,
            ticket_id,
            lambda: answer_ticket(
                ticket_id=ticket_id,
                text=form.cleaned_data["answer"],
                actor=actor,
                at=at,
                key=str(form.cleaned_data["key"]),
                resolve="resolve" in request.POST,
            ),
            "The answer is written.",
        )

    def assign_view(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """Give the ticket to an agent."""
        self._ticket_to_answer(request, ticket_id)
        form = AssignForm(request.POST)
        if not form.is_valid():
            return self._back(request, ticket_id, "Choose an agent.", messages.ERROR)
        agent_id, actor, at = form.cleaned_data["agent"], Actor.of(request.user), timezone.now()
        return self._do(
            request,
            ticket_id,
            lambda: assign_ticket(ticket_id=ticket_id, agent_id=agent_id, actor=actor, at=at),
            "The ticket is given to them.",
        )

    def priority_view(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """Give the ticket another priority."""
        self._ticket_to_answer(request, ticket_id)
        form = PriorityForm(request.POST)
        if not form.is_valid():
            return self._back(request, ticket_id, "Choose a priority.", messages.ERROR)
        priority, actor, at = form.cleaned_data["priority"], Actor.of(request.user), timezone.now()
        return self._do(
            request,
            ticket_id,
            lambda: change_priority(ticket_id=ticket_id, priority=priority, actor=actor, at=at),
            f"The priority is {priority}.",
        )

    def read_view(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """Count what the member wrote as read."""
        self._ticket_to_answer(request, ticket_id)
        at = timezone.now()
        return self._do(
            request,
            ticket_id,
            lambda: mark_read(ticket_id=ticket_id, by_member=False, until=at),
            "Everything is marked as read.",
        )

    def move_view(self, request: HttpRequest, ticket_id: int, to: str) -> HttpResponse:
        """Resolve, close or reopen the ticket."""
        self._ticket_to_answer(request, ticket_id)
        if to not in STEP_LABELS:
            raise Http404
        actor, at = Actor.of(request.user), timezone.now()
        return self._do(
            request,
            ticket_id,
            lambda: move_ticket(ticket_id=ticket_id, to=to, actor=actor, at=at),
            f"The ticket is {to}.",
        )

    # --- shared --------------------------------------------------------------------------------------------

    def _ticket(self, request: HttpRequest, object_id: str) -> SupportTicket:
        if not self.has_view_permission(request):
            raise PermissionDenied
        ticket: SupportTicket | None = self.get_object(request, object_id)
        if ticket is None:
            raise Http404
        return ticket

    def _ticket_to_answer(self, request: HttpRequest, ticket_id: int) -> SupportTicket:
        _require_answering(request)
        return self._ticket(request, str(ticket_id))

    def _do(
        self, request: HttpRequest, ticket_id: int, work: Callable[[], object], done: str
    ) -> HttpResponse:
        try:
            work()
        except DomainError as refusal:
            return self._back(request, ticket_id, refusal.detail, messages.ERROR)
        return self._back(request, ticket_id, done, messages.SUCCESS)

    def _back(self, request: HttpRequest, ticket_id: int, said: str, level: int) -> HttpResponse:
        self.message_user(request, said, level)
        return HttpResponseRedirect(reverse(PAGE, args=[ticket_id]))


def may_answer(request: HttpRequest) -> bool:
    """Whether who asks may answer, assign and close tickets."""
    return request.user.has_perm("chat_support.answer_ticket")


def _require_answering(request: HttpRequest) -> None:
    if not may_answer(request):
        raise PermissionDenied
    if request.method != "POST":
        raise Http404


def _user_id(request: HttpRequest) -> int:
    assert request.user.pk is not None  # the admin lets only signed-in staff in
    return int(request.user.pk)
