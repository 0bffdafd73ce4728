"""Which browsers' origins may call: read from the environment when the settings are."""

import os
import subprocess
import sys

import pytest

from bench.services import PROJECT

PROGRAM = """
import django
django.setup()
from django.test import Client
answer = Client(headers={"origin": "https://shop.example"}).get("/health")
print(answer.status_code, answer.get("Access-Control-Allow-Origin"), answer.get("Vary"))
"""


@pytest.mark.parametrize(
    ("origins", "expected"),
    [
        ("", "200 None None"),
        ("https://shop.example,https://other.example", "200 https://shop.example origin"),
        ("https://other.example", "200 None origin"),
    ],
)
def test_an_origin_that_is_named_may_read_the_answer_and_no_other(origins, expected, tmp_path):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": "postgresql://unused",
        "REDIS_URL": "redis://unused",
        "SECRET_KEY": "for-this-test-only-and-long-enough",
        "ALLOWED_HOSTS": "testserver",
        "CORS_ALLOWED_ORIGINS": origins,
        "DATA_DIR": str(tmp_path),
    }
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == expected
