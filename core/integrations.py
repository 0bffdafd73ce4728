"""Which outside services are on: those whose variables are all set."""

import logging
import os

logger = logging.getLogger(__name__)

_VARIABLES = {
    "stream_chat": ("STREAM_CHAT_API_KEY", "STREAM_CHAT_SECRET"),
    "firebase": ("FIREBASE_PROJECT_ID", "FIREBASE_CLIENT_EMAIL", "FIREBASE_PRIVATE_KEY"),
    "google_analytics": ("GOOGLE_ANALYTICS_ID",),
    "mixpanel": ("MIXPANEL_TOKEN",),
    "phone_codes": ("OTP_SENDER",),
    "email": ("EMAIL_HOST",),
    "google_sign_in": ("GOOGLE_CLIENT_IDS",),
    "apple_sign_in": ("APPLE_CLIENT_IDS",),
    "facebook_sign_in": ("FACEBOOK_CLIENT_IDS",),
}


def integrations() -> dict[str, bool]:
    """Say of each integration whether it is on."""
    return {name: not _missing(name) for name in _VARIABLES}


def announce() -> None:
    """Log, once when a server or worker starts, what is off and for want of which variables."""
    for name in _VARIABLES:
        if missing := _missing(name):
            logger.info("integration %s is off: %s not set", name, ", ".join(missing))


def _missing(name: str) -> list[str]:
    return [variable for variable in _VARIABLES[name] if not os.environ.get(variable)]
