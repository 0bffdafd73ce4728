"""Firebase's own `send_each`, 500 messages at a time, each result recorded by one statement for the batch.

It reads pushes with their devices in one statement and decides nothing: no preferences, quiet hours, leases.
The SDK keeps ten connections for its 500 threads and makes the others anew; keeping all was no faster.
"""

import logging
from typing import Any

import firebase_admin
from django.conf import settings
from django.db import connection
from django.utils import timezone
from firebase_admin import credentials, messaging

BATCH = 500

_DUE = """
SELECT p.id, p.notification_id::text, p.title, p.message, p.payload->>'kind', p.payload->>'link',
       d.device_token
FROM push_notifications p JOIN user_devices d ON d.user_id = p.user_id AND d.is_active
WHERE p.status = 'pending' AND p.due_at <= now() ORDER BY p.due_at, p.id LIMIT %s
"""

_RECORD = """
UPDATE push_notifications p
SET status = r.status, reason = r.reason, sent_at = CASE WHEN r.status = 'sent' THEN %s END, updated_at = %s
FROM unnest(%s::bigint[], %s::text[], %s::text[]) r (id, status, reason)
WHERE p.id = r.id
"""


def send_all_by_the_sdk() -> int:
    """Send what is due until nothing is left; return how many results were recorded."""
    app = _app()
    sent = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_DUE, [BATCH])
            rows = cursor.fetchall()
        if not rows:
            return sent
        answers = messaging.send_each([_message(*row[1:]) for row in rows], app=app).responses
        now = timezone.now()
        with connection.cursor() as cursor:
            cursor.execute(
                _RECORD,
                [
                    now,
                    now,
                    [row[0] for row in rows],
                    ["sent" if answer.success else "failed" for answer in answers],
                    ["" if answer.success else str(answer.exception)[:200] for answer in answers],
                ],
            )
        sent += len(rows)


def _app() -> Any:
    if firebase_admin._apps:
        return firebase_admin.get_app()
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it would write a line for each connection
    messaging._MessagingService.FCM_URL = settings.FCM_URL + "/v1/projects/{0}/messages:send"
    certificate = {
        "type": "service_account",
        "project_id": settings.FIREBASE_PROJECT_ID,
        "client_email": settings.FIREBASE_CLIENT_EMAIL,
        "private_key": settings.FIREBASE_PRIVATE_KEY,
        "token_uri": settings.FIREBASE_TOKEN_URL,
    }
    return firebase_admin.initialize_app(credentials.Certificate(certificate))


def _message(id: str, title: str, text: str, kind: str, link: str, token: str) -> messaging.Message:
    return messaging.Message(
        notification=messaging.Notification(title=title, body=text),
        data={"kind": kind, "link": link, "notification_id": id},
        android=messaging.AndroidConfig(
            collapse_key=id, priority="high", notification=messaging.AndroidNotification(tag=id)
        ),
        apns=messaging.APNSConfig(headers={"apns-collapse-id": id, "apns-priority": "10"}),
        token=token,
    )
