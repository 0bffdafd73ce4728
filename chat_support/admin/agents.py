"""Who answers tickets, and who of them is on duty."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from chat_support.models import Agent
from chat_support.selectors.desk import agents
from chat_support.services.assigning import set_duty
from core.admin import ReadOnly
from core.contracts import Actor


@admin.register(Agent)
class AgentAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Somebody becomes an agent by going on duty, which they do on the page of the tickets."""

    list_display = ("user", "on_duty", "unsolved", "last_assigned_at")
    list_filter = ("on_duty",)
    actions = ("put_on_duty", "take_off_duty")
    fields = ("user", "on_duty", "unsolved", "last_assigned_at", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        return agents()

    def has_duty_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat_support.change_agent")

    @admin.display(description="unsolved tickets", ordering="unsolved")
    def unsolved(self, agent: Any) -> int:
        return int(agent.unsolved)

    @admin.action(description="Put the selected on duty", permissions=["duty"])
    def put_on_duty(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        self._set_duty(request, queryset, on_duty=True)

    @admin.action(description="Take the selected off duty", permissions=["duty"])
    def take_off_duty(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        self._set_duty(request, queryset, on_duty=False)

    def _set_duty(self, request: HttpRequest, queryset: QuerySet[Agent], *, on_duty: bool) -> None:
        chosen = list(queryset.order_by("pk").values_list("pk", flat=True))
        for user_id in chosen:
            set_duty(user_id=user_id, on_duty=on_duty, actor=Actor.of(request.user), at=timezone.now())
        duty = "on" if on_duty else "off"
        self.message_user(request, f"{len(chosen)} are {duty} duty now.", messages.SUCCESS)
