"""Where everything answers: each app's calls at the root and, for integrators, under /api/v1/."""

from django.contrib import admin
from django.urls import include, path
from django.views.decorators.cache import cache_page
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView

from core import health, media

_SCHEMA_SECONDS = 3600

# In the order of their use, for a path is compared with one after another.
_calls = [
    path("", include("rewards.api.urls")),
    path("", include("orders.api.urls")),
    path("", include("catalog.api.urls")),
    path("", include("accounts.api.urls")),
]

urlpatterns = [
    path("api/v1/", include(_calls)),
    path("health", health.health),
    path("health/db", health.health_db),
    path("metrics", health.metrics),
    path("admin/", admin.site.urls),
    path("media/<path:path>", media.serve),
    path("", include(_calls)),
    # Building the schema takes a good part of a second and the code behind it does not change.
    path("api/v1/schema/", cache_page(_SCHEMA_SECONDS)(SpectacularAPIView.as_view()), name="schema"),
    path("api/v1/docs/swagger/", SpectacularSwaggerView.as_view(url_name="schema"), name="swagger"),
    path("api/v1/docs/redoc/", SpectacularRedocView.as_view(url_name="schema"), name="redoc"),
]

handler400 = "core.api.problems.bad_request"
handler403 = "core.api.problems.permission_denied"
handler404 = "core.api.problems.page_not_found"
handler500 = "core.api.problems.server_error"
