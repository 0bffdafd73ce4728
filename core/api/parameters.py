"""Parameters that the schema shows of more than one app's calls."""

from drf_spectacular.utils import OpenApiParameter

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Your own name for this call: sent again with it, the call takes effect once.",
)
