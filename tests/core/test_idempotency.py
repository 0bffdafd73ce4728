import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from core import idempotency
from core.models import AuditEntry, IdempotentResponse
from tests.concurrency import together

pytestmark = [pytest.mark.urls("tests.core.urls")]


def effects():
    return AuditEntry.objects.filter(action="once").count()


def post(client, body=None, *, key="k-1", path="/probe/once/"):
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(path, body if body is not None else {}, format="json", headers=headers)


@pytest.mark.django_db
def test_without_the_header_every_call_takes_effect_and_nothing_is_stored(signed_in):
    client = signed_in()
    assert [post(client, key=None).status_code for _ in range(2)] == [201, 201]
    assert effects() == 2
    assert IdempotentResponse.objects.count() == 0


@pytest.mark.django_db
def test_a_retry_gets_the_same_answer_byte_for_byte_and_takes_no_effect(signed_in):
    client = signed_in()
    first, second = post(client, {"a": 1, "b": [2]}), post(client, {"b": [2], "a": 1})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert first.content.startswith(b'{"z":')  # the order of the members is the first answer's own
    assert first["Location"] == second["Location"]
    assert first["Content-Type"] == second["Content-Type"] == "application/json"
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert effects() == 1


@pytest.mark.django_db
def test_a_call_costs_three_statements_more_and_a_retry_only_two(signed_in, django_assert_num_queries):
    client = signed_in()
    with django_assert_num_queries(6):  # savepoint, lock, look, the effect, store, release
        post(client)
    with django_assert_num_queries(4):
        post(client)


@pytest.mark.django_db
def test_another_body_under_the_key_is_refused_and_changes_nothing(signed_in):
    client = signed_in()
    post(client, {"a": 1})
    refused = post(client, {"a": 2})
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert effects() == 1


@pytest.mark.django_db
def test_two_callers_with_the_same_key_do_not_meet(signed_in):
    answers = [post(signed_in(1)), post(signed_in(2)), post(signed_in(1, caller="key:1"))]
    assert ["Idempotent-Replayed" in answer for answer in answers] == [False, False, False]
    assert effects() == 3
    assert sorted(IdempotentResponse.objects.values_list("caller", flat=True)) == [
        "key:1",
        "user:1",
        "user:2",
    ]


@pytest.mark.django_db
def test_the_same_key_on_another_call_is_another_call(signed_in):
    client = signed_in()
    for path in ("/probe/once/", "/probe/once/1/", "/probe/once/2/"):
        assert "Idempotent-Replayed" not in post(client, path=path)
    assert effects() == 3


@pytest.mark.django_db
def test_a_call_at_the_root_is_the_same_call_under_the_version(signed_in):
    client = signed_in()
    post(client, path="/probe/once/7/")
    assert post(client, path="/api/v1/probe/once/7/")["Idempotent-Replayed"] == "true"
    assert effects() == 1


@pytest.mark.django_db
def test_a_raised_refusal_is_rolled_back_and_evaluated_anew(signed_in):
    client = signed_in()
    body = {"raise": True}
    assert [post(client, body).status_code for _ in range(2)] == [409, 409]
    assert effects() == 0
    assert IdempotentResponse.objects.count() == 0
    assert post(client, {}).status_code == 201  # the key is still free, for any body


@pytest.mark.django_db
def test_a_returned_refusal_keeps_what_it_wrote_and_is_evaluated_anew(signed_in):
    client = signed_in()
    body = {"status": 400}
    assert [post(client, body).status_code for _ in range(2)] == [400, 400]
    assert effects() == 2
    assert IdempotentResponse.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256, "tab\there"])
def test_a_key_that_is_not_visible_ascii_is_refused_by_name(signed_in, key):
    refused = post(signed_in(), key=key)
    assert refused.status_code == 400
    assert refused.json()["errors"] == {"Idempotency-Key": ["Must be 1 to 255 visible ASCII characters."]}
    assert effects() == 0


@pytest.mark.django_db
def test_a_key_of_255_characters_is_taken(signed_in):
    assert post(signed_in(), key="~" * 255).status_code == 201


@pytest.mark.django_db
def test_a_key_without_a_caller_is_refused(api):
    assert post(api).status_code in (401, 403)
    assert effects() == 0


@pytest.mark.django_db(transaction=True)
def test_while_the_first_runs_the_second_is_told_to_come_back(signed_in):
    started = threading.Event()

    def first():
        started.set()
        return post(signed_in(), {"seconds": 1})

    def second():
        assert started.wait(5)
        threading.Event().wait(0.4)
        return post(signed_in(), {"seconds": 1})

    slow, early = together(first, second)
    assert slow.status_code == 201
    assert (early.status_code, early.json()["code"], early["Retry-After"]) == (409, "still_running", "1")
    assert effects() == 1
    assert post(signed_in(), {"seconds": 1}).content == slow.content


@pytest.mark.django_db(transaction=True)
def test_of_many_simultaneous_calls_with_one_key_one_takes_effect(signed_in):
    answers = together(*[lambda: post(signed_in())] * 8)
    statuses = {answer.status_code for answer in answers}
    assert statuses <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert effects() == 1


@pytest.mark.django_db
def test_answers_are_forgotten_after_a_day(signed_in):
    client = signed_in()
    post(client, key="old")
    post(client, key="new")
    IdempotentResponse.objects.filter(key="old").update(created_at=timezone.now() - timedelta(hours=25))
    IdempotentResponse.objects.filter(key="new").update(created_at=timezone.now() - timedelta(hours=23))
    assert idempotency.forget() == 1
    assert list(IdempotentResponse.objects.values_list("key", flat=True)) == ["new"]
