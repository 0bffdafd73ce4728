"""What the pages say to paste, pasted: every `sh` block of a page, in order, against a running server."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection, connections

from accounts.models import User
from config.run.preparing import SHOP_KEY, ensure_shop_key
from core import outbox
from orders.models import Order
from rewards.models import PointsTransaction, UserPoints, UserVoucher
from rewards.selectors.audit import audit_ledger
from tests.catalog.factories import make_product

PROJECT = Path(__file__).resolve().parents[2]
PHONE = "+27821234567"

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("curl") is None, reason="the pages say curl"),
]


@pytest.fixture
def worker() -> Iterator[None]:
    """Deliver what the calls publish, as the worker beside a server does."""
    over = Event()

    def work() -> None:
        while not over.wait(0.05):
            outbox.drain(5)
        connections.close_all()

    thread = Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder like that of a clone in which `make run` is up."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var/markethub_api.log").symlink_to(settings.LOG_FILE)
    ensure_shop_key(tmp_path / "var" / SHOP_KEY)
    for name in ("manage.py", ".venv"):
        (tmp_path / name).symlink_to(PROJECT / name)
    return tmp_path


@pytest.fixture
def paste(live_server, worker, folder, settings):
    settings.OTP_LOG_CODES = True
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = {**os.environ, "DATABASE_URL": database.geturl()}
    address = live_server.url.replace("localhost", "127.0.0.1")

    def run(page: str) -> str:
        blocks = re.findall(r"^```sh\n(.*?)^```$", (PROJECT / page).read_text(), re.DOTALL | re.MULTILINE)
        script = "\n".join(blocks).replace("http://127.0.0.1:8000", address)
        done = subprocess.run(
            ["sh", "-eu", "-c", script],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert outbox.drain(10)
        return done.stdout

    return run


def test_an_app_developer_gets_from_a_phone_to_points_and_why(paste):
    make_product("205.99", name="Baobab stacking crate", stock=3, stock_is_tracked=True)
    make_product("40.00", name="Too cheap for the walk", stock=3, stock_is_tracked=True)
    printed = paste("docs/app-developer.md")
    assert "R161.73 at 0.1 points per rand by the rule Purchase Points (version 1), rounded down" in printed

    member = User.objects.get(phone=PHONE)
    order = Order.objects.get(shop="markethub", user=member, points_used=100)
    assert (order.status, f"{order.total:.2f}") == ("delivered", "245.99")
    assert UserVoucher.objects.get(user=member).used_at is not None
    points = PointsTransaction.objects.filter(user=member).order_by("id").values_list("points", flat=True)
    assert sorted(points) == [-100, -100, 16, 250, 300]
    assert UserPoints.objects.get(user=member).current_points == 366
    assert audit_ledger().is_clean


def test_an_integrator_tells_of_orders_returns_and_points(paste):
    paste("docs/integrator.md")
    member = User.objects.get(phone=PHONE)
    assert member.external_id == "C-77"
    orders = Order.objects.order_by("number").values_list("shop", "number", "status")
    assert list(orders) == [("corner", "1001", "partially_returned"), ("corner", "1002", "delivered")]
    assert UserPoints.objects.get(user=member).current_points == 29  # R45 of goods kept, and 25 given
    assert audit_ledger().is_clean
