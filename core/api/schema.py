"""The OpenAPI schema: the versioned paths alone, and how each operation refuses."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers
from rest_framework.permissions import AllowAny

from core.api.problems import CONTENT_TYPE
from core.errors import DomainError, NotFound

Method = TypeVar("Method", bound=Callable[..., Any])


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457; see `core.api.problems`. Further members tell the facts of the case."""

    type = serializers.CharField(help_text="urn:markethub:problem:<code>")
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable; for programs.")
    detail = serializers.CharField(help_text="What happened this time.")
    error = serializers.CharField(help_text="The sentence to show.")
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="With code invalid: each wrong field and what is wrong with it.",
    )


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Your own name for this call: sent again with it, the call takes effect once.",
)


def refuses(*errors: type[DomainError]) -> Callable[[Method], Method]:
    """Say on a view's method which refusals it answers with, for the schema."""

    def mark(method: Method) -> Method:
        method.refuses = errors  # type: ignore[attr-defined]
        return method

    return mark


class ProblemSchema(AutoSchema):
    """Adds to each operation the problems it can answer with."""

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        for status, lines in sorted(self._refusals().items()):
            if str(status) not in responses:
                answer = OpenApiResponse(ProblemSerializer, description="\n".join(lines))
                responses[str(status)] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                    answer, str(status), [CONTENT_TYPE], direction
                )
        return responses

    def _refusals(self) -> dict[int, list[str]]:
        by_status: defaultdict[int, list[str]] = defaultdict(list)
        method = getattr(self.view, self.method.lower(), None)
        if self.method in ("POST", "PUT", "PATCH") or self._get_parameters():
            by_status[400].append("`invalid`: Invalid input")
        if not any(isinstance(permission, AllowAny) for permission in self.view.get_permissions()):
            by_status[401].append("`not_authenticated`: Sign in first")
        if "{" in self.path:
            by_status[404].append(f"`{NotFound.code}`: {NotFound.title}")
        for error in getattr(method, "refuses", ()):
            line = f"`{error.code}`: {error.title}"
            if line not in by_status[error.status]:
                by_status[error.status].append(line)
        return dict(by_status)


Endpoint = tuple[str, str, str, Callable[..., Any]]


def only_versioned_paths(endpoints: list[Endpoint], **_kwargs: Any) -> list[Endpoint]:
    """Keep the paths under /api/v1/: those at the root are the same calls."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/v1/")]
