"""The fake of Stream says what Stream says, by the word of Stream's own SDK."""

import pytest
from stream_chat import StreamChat
from stream_chat.base.exceptions import StreamAPIException

from tests.fakes.stream import KEY, SECRET, FakeStream, webhook


@pytest.fixture
def fake():
    server = FakeStream()
    yield server
    server.stop()


@pytest.fixture
def sdk(fake):
    client = StreamChat(KEY, SECRET, base_url=fake.url)
    yield client
    client.session.close()


@pytest.mark.parametrize("zipped", [False, True])
def test_its_webhooks_pass_the_sdks_check(sdk, zipped):
    event = {"type": "message.new", "message": {"text": "Tomorrow – perhaps"}}
    body, headers = webhook(event, zipped=zipped)
    assert sdk.verify_and_parse_webhook(body, headers["X-Signature"]) == event


def refusal(call):
    with pytest.raises(StreamAPIException) as refused:
        call()
    return refused.value.status_code, refused.value.error_code


def test_it_wants_users_before_channels_before_messages_each_message_once_and_a_server(sdk, fake):
    channel = sdk.channel("messaging", "c", {"members": ["a"]})
    assert refusal(lambda: channel.create("a")) == (400, 4)
    sdk.upsert_user({"id": "a", "name": "A"})
    assert refusal(lambda: channel.send_message({"id": "m", "text": "x"}, "a")) == (404, 16)
    channel.create("a")
    channel.create("a")
    channel.send_message({"id": "m", "text": "x"}, "a")
    assert refusal(lambda: channel.send_message({"id": "m", "text": "x"}, "a")) == (400, 4)
    assert fake.texts("c") == [("A", "x")]
    sdk.delete_user("a", hard_delete=True, mark_messages_deleted=True)
    assert refusal(lambda: sdk.delete_user("a")) == (404, 16)
    assert refusal(lambda: sdk.upsert_user({"id": "a"})) == (400, 4)
    stranger = StreamChat(KEY, "another secret than the one that Stream has", base_url=fake.url)
    assert refusal(lambda: stranger.upsert_user({"id": "b"})) == (401, 43)
    stranger.session.close()


def test_it_knows_after_its_next_start_what_it_knew(tmp_path):
    kept = tmp_path / "stream.json"
    for number in range(2):
        fake = FakeStream(kept=kept)
        sdk = StreamChat(KEY, SECRET, base_url=fake.url)
        channel = sdk.channel("messaging", "c", {"members": ["a"]})
        if number == 0:
            sdk.upsert_users([{"id": "a", "name": "A"}, {"id": "b", "name": "B"}])
            channel.create("a")
            sdk.delete_user("b")
        channel.send_message({"id": f"m-{number}", "text": "x"}, "a")
        sdk.session.close()
        fake.stop()
    assert fake.texts("c") == [("A", "x"), ("A", "x")]
    assert fake.erased == {"b"}
