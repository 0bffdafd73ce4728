from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from core.api.paging import CursorPage
from core.models import AuditEntry

pytestmark = [pytest.mark.urls("tests.core.urls"), pytest.mark.django_db]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make(count, *, tied=False):
    rows = AuditEntry.objects.bulk_create(
        AuditEntry(
            created_at=NOON + timedelta(microseconds=0 if tied else n), actor="a", action="a", target="t"
        )
        for n in range(count)
    )
    return [row.pk for row in reversed(rows)]


def walk(api, link, direction):
    pages = []
    while link:
        answer = api.get(link).json()
        pages.append(answer["results"])
        link = answer[direction]
    return pages


@pytest.mark.parametrize("tied", [False, True], ids=["own times", "one time for all"])
def test_pages_hold_every_row_once_there_and_back(api, tied):
    newest_first = make(8, tied=tied)
    pages = walk(api, "/probe/entries/", "next")
    assert pages == [newest_first[:3], newest_first[3:6], newest_first[6:]]
    second = api.get(api.get("/probe/entries/").json()["next"]).json()
    last = api.get(second["next"]).json()
    assert walk(api, last["previous"], "previous") == [newest_first[3:6], newest_first[:3]]
    assert api.get(last["previous"]).json()["results"] == second["results"]
    assert api.get(last["previous"]).json()["next"] is not None


def test_a_row_that_comes_in_between_pages_moves_nothing(api):
    newest_first = make(6)
    first = api.get("/probe/entries/").json()
    AuditEntry.objects.create(actor="a", action="a", target="new")
    assert api.get(first["next"]).json()["results"] == newest_first[3:]


def test_an_empty_list_has_no_links(api):
    assert api.get("/probe/entries/").json() == {"next": None, "previous": None, "results": []}


def test_a_page_that_ends_with_the_list_has_no_next(api):
    make(3)
    assert api.get("/probe/entries/").json()["next"] is None


def test_limit_sets_the_size_up_to_two_hundred(api):
    newest_first = make(201)
    answer = api.get("/probe/entries/?limit=5").json()
    assert answer["results"] == newest_first[:5]
    assert parse_qs(urlsplit(answer["next"]).query)["limit"] == ["5"]
    assert api.get("/probe/entries/?limit=100000").json()["results"] == newest_first[:200]


@pytest.mark.parametrize("limit", ["", "0", "-1", "x", "1.5", "9" * 30, "²", "%00"])
def test_a_bad_limit_is_named(api, limit):
    response = api.get(f"/probe/entries/?limit={limit}")
    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["limit"]


def cursor(text):
    return urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "%00",
        "é",
        "not base64!",
        cursor("{}"),
        cursor("[]"),
        cursor("5"),
        cursor("[false]"),
        cursor('["no","2026-03-01T12:00:00+00:00","1"]'),
        cursor('[false,"2026-03-01T12:00:00+00:00"]'),
        cursor('[false,"2026-03-01T12:00:00+00:00","1","1"]'),
        cursor('[false,"yesterday","1"]'),
        cursor('[false,"2026-03-01T12:00:00","1"]'),
        cursor('[false,null,"1"]'),
        cursor('[false,"2026-03-01T12:00:00+00:00","x"]'),
        cursor('[false,"2026-03-01T12:00:00+00:00",1]'),
        cursor('[false,"2026-03-01T12:00:00+00:00","9223372036854775808"]'),
        cursor('[false,"2026-03-01T12:00:00+00:00","' + "9" * 5000 + '"]'),
        cursor('[false,"2026-03-01T12:00:00+00:00\\u0000","1"]'),
        cursor("[" * 50_000),
    ],
)
def test_a_bad_cursor_is_named(api, value):
    make(1)
    response = api.get(f"/probe/entries/?cursor={value}")
    assert response.status_code == 400
    assert response.json()["errors"] == {"cursor": ["Not a cursor of this list."]}


def test_one_page_is_one_query(api, django_assert_num_queries):
    make(4)
    with django_assert_num_queries(1):
        first = api.get("/probe/entries/").json()
    with django_assert_num_queries(1):
        api.get(first["next"])


@pytest.mark.parametrize(
    "columns", [("created_at",), ("-created_at", "id"), ("user_id", "id"), ("nothing", "id")]
)
def test_an_order_that_is_not_total_is_a_mistake_of_ours(columns):
    page = CursorPage()
    page.ordering = columns
    request = APIView().initialize_request(APIRequestFactory().get("/"))
    with pytest.raises(ImproperlyConfigured):
        page.paginate_queryset(AuditEntry.objects.all(), request)
