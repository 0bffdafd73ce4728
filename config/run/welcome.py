"""What `make run` prints when everything is up."""

import os
import secrets

from config.embedded import data_directory
from config.run.fakes import TRIAL_KEY, TRIAL_PROJECT
from config.run.preparing import Credentials


def welcome(address: str, credentials: Credentials) -> str:
    """The addresses, the logins and three calls to paste."""
    password = credentials.password or "(the one that you set)"
    return f"""
MarketHub is running. Ctrl-C stops everything.

  Swagger   {address}/api/v1/docs/swagger/
  Admin     {address}/admin/
            login {credentials.admin}   password {password}
  Shop key  of the shop markethub (Authorization: Api-Key …):
            {credentials.shop_key}
{_fakes()}{_calls(address, credentials)}"""


def _fakes() -> str:
    logs = data_directory() / "logs"
    lines = ""
    if os.environ.get("FIREBASE_PROJECT_ID") == TRIAL_PROJECT:
        lines += f"  Pushes    arrive in {logs / 'fake-firebase.log'}\n"
    if os.environ.get("STREAM_CHAT_API_KEY") == TRIAL_KEY:
        lines += f"  Chat      arrives in {logs / 'fake-stream.log'}\n"
    return lines


def _calls(address: str, credentials: Credentials) -> str:
    if credentials.token is None:
        return "\nNo member has points yet: there is no token to show.\n"
    bearer = f"-H 'Authorization: Bearer {credentials.token}'"
    # The key is new at every start: pasted twice it takes the points once.
    redeem = (
        f"curl -s -X POST {address}/rewards/redeem/ {bearer} -H 'Content-Type: application/json' "
        f"-H 'Idempotency-Key: try-{secrets.token_hex(4)}' "
        '-d \'{"redemption_option_id": "voucher-10", "points_to_redeem": 100}\''
    )
    return f"""  Token     of the member {credentials.member}, for a day (Swagger: Authorize):
            {credentials.token}

Try it:

curl -s {address}/rewards/balance/ {bearer}

curl -s {address}/rewards/loyalty-status/ {bearer}

{redeem}
"""
