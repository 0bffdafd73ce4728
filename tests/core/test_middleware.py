import json
import re

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from prometheus_client import REGISTRY

from core.middleware import BodyLimitMiddleware, MetricsMiddleware

pytestmark = [pytest.mark.urls("tests.core.urls")]


def observed(name, **labels):
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_request_is_timed_under_its_route_and_not_its_path(api):
    labels = {"method": "GET", "route": "probe/raise/<str:what>/", "status": "409"}
    before = observed("markethub_request_seconds_count", **labels)
    api.get("/probe/raise/domain/")
    assert observed("markethub_request_seconds_count", **labels) - before == 1


def test_what_callers_invent_makes_no_new_series(api):
    labels = {"method": "other", "route": "(none)", "status": "404"}
    before = observed("markethub_request_seconds_count", **labels)
    for n in range(3):
        api.generic(f"FETCH{n}", f"/nothing/{n}/")
    assert observed("markethub_request_seconds_count", **labels) - before == 3


@pytest.mark.django_db
def test_the_time_of_database_statements_is_added_up(rf):
    def two_naps(request):
        with connection.cursor() as cursor:
            for _ in range(2):
                cursor.execute("SELECT pg_sleep(0.05)")
        return HttpResponse()

    labels = {"route": "(none)"}
    before = observed("markethub_request_database_seconds_sum", **labels)
    MetricsMiddleware(two_naps)(rf.get("/"))
    assert 0.1 <= observed("markethub_request_database_seconds_sum", **labels) - before < 0.3


def body_of(size):
    return json.dumps({"id": 1, "price": "1.00", "lines": [], "padding": ""}).encode().ljust(size)


def test_a_body_at_the_limit_is_read(api):
    response = api.generic("POST", "/probe/basket/", body_of(settings.MAX_BODY_BYTES), "application/json")
    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/probe/basket/", "/admin/login/", "/nothing/"])
def test_a_body_above_the_limit_is_refused_wherever_it_goes(api, path):
    response = api.generic("POST", path, body_of(settings.MAX_BODY_BYTES + 1), "application/json")
    assert response["Content-Type"] == "application/problem+json"
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert response.json()["limit"] == 1024 * 1024


@pytest.mark.parametrize("length", ["x", "-1", "+1", "1.0", "1 1", "²", "9" * 5000])
def test_a_content_length_that_is_no_number_is_a_bad_request(api, length):
    response = api.post("/probe/basket/", {}, CONTENT_LENGTH=length)
    assert (response.status_code, response.json()["code"]) == (400, "malformed")


def test_a_body_of_unknown_length_is_refused(api):
    response = api.generic("POST", "/probe/basket/", HTTP_TRANSFER_ENCODING="chunked")
    assert (response.status_code, response.json()["code"]) == (411, "length_required")


def test_a_body_that_no_view_read_is_read_to_its_end(rf):
    request = rf.post("/", body_of(200_000), "application/json")
    BodyLimitMiddleware(lambda request: None)(request)
    assert request.read() == b""


@pytest.mark.django_db
def test_metrics_name_no_path_of_a_caller(api):
    api.get("/nothing/very-particular/")
    assert not re.search("very-particular", api.get("/metrics").content.decode())
