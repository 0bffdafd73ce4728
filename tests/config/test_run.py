"""`make run`: what can be told without starting all of it."""

import os
import signal
import socket
from pathlib import Path

import pytest

from config.run.fakes import TRIAL_KEY, fake_stream
from config.run.preparing import Credentials
from config.run.welcome import welcome
from tests.config.users import environment, processes_of, run_python


def test_a_port_in_use_is_said_in_one_line_before_anything_starts(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with run_python("-m", "config.run", environment=environment(data_dir, PORT=port)) as process:
            output, error = process.communicate(timeout=20)
    assert process.returncode == 1
    assert error == f"Port {port} is in use: choose another, as in `make run PORT=8001`.\n"
    assert output == ""
    assert not data_dir.exists()


@pytest.mark.parametrize("port", ["web", "-1", "65536", "80.5"])
def test_a_port_that_is_no_port_is_said_in_one_line(data_dir: Path, port: str) -> None:
    with run_python("-m", "config.run", environment=environment(data_dir, PORT=port)) as process:
        error = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert error == f"PORT must be a number up to 65535, not {port!r}.\n"


def test_a_stop_in_the_middle_of_the_start_leaves_no_process(data_dir: Path) -> None:
    with run_python("-m", "config.run", environment=environment(data_dir, PORT="0")) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"Data in {data_dir}; embedded: postgres and redis.\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert processes_of(data_dir) == set()


def test_a_start_that_fails_half_way_says_why_in_one_line_and_leaves_no_process(data_dir: Path) -> None:
    (data_dir / "redis/appendonly.aof").mkdir(parents=True)
    with run_python("-m", "config.run", environment=environment(data_dir, PORT="0")) as process:
        error = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    (line,) = error.splitlines()
    assert line.startswith("Redis did not start: ")
    assert (data_dir / "postgres/data/PG_VERSION").exists()
    assert processes_of(data_dir) == set()


def test_the_welcome_has_every_address_and_three_calls_to_paste() -> None:
    text = welcome(
        "http://127.0.0.1:8123",
        Credentials(
            admin="admin", password="pass-word", member="member0007", token="to.ke.n", shop_key="mh_1"
        ),
    )
    calls = [line for line in text.splitlines() if line.startswith("curl ")]
    assert len(calls) == 3
    assert all("-H 'Authorization: Bearer to.ke.n'" in call for call in calls)
    assert "http://127.0.0.1:8123/api/v1/docs/swagger/" in text
    assert "http://127.0.0.1:8123/admin/" in text
    assert "login admin   password pass-word" in text
    assert "            mh_1\n" in text


def test_a_stream_of_ones_own_is_left_alone_and_else_there_is_one_to_look_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    credentials = Credentials(admin="a", password="p", member="m", token="t", shop_key="k")
    for name in ("STREAM_CHAT_API_KEY", "STREAM_CHAT_URL"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("STREAM_CHAT_SECRET", "mine")
    assert fake_stream(tmp_path, "http://127.0.0.1:8123") == []
    assert "fake-stream" not in welcome("http://127.0.0.1:8123", credentials)
    monkeypatch.setenv("STREAM_CHAT_SECRET", "")
    (child,) = fake_stream(tmp_path, "http://127.0.0.1:8123")
    fd, webhooks, kept = child.command[-3:]
    os.close(int(fd.removeprefix("--fd=")))
    assert webhooks == "--webhooks=http://127.0.0.1:8123/chat/webhooks/stream/"
    assert kept == f"--kept={tmp_path.parent / 'fake-stream.json'}"
    assert os.environ["STREAM_CHAT_API_KEY"] == TRIAL_KEY
    assert "fake-stream.log" in welcome("http://127.0.0.1:8123", credentials)


def test_a_password_that_somebody_changed_is_not_printed() -> None:
    text = welcome(
        "http://127.0.0.1:1", Credentials(admin="admin", password=None, member="m", token="t", shop_key="k")
    )
    assert "password (the one that you set)" in text


def test_a_database_without_members_has_no_token_to_print() -> None:
    text = welcome(
        "http://127.0.0.1:1", Credentials(admin="admin", password="p", member=None, token=None, shop_key="k")
    )
    assert "there is no token to show" in text
    assert "curl" not in text
