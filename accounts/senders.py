"""Who carries a code to a phone: the callable that `settings.OTP_SENDER` names."""

import logging
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

logger = logging.getLogger("accounts")


class CodeSender(Protocol):
    """Sends one code within a few seconds, or raises; called outside of any transaction."""

    def __call__(self, phone: str, code: str) -> None: ...


class NoSender(Exception):
    """No sender is configured."""


def code_sender() -> CodeSender:
    """Return the configured sender."""
    return cast(CodeSender, import_string(settings.OTP_SENDER))


def log_code(phone: str, code: str) -> None:
    """Write the code to the log, where `settings.OTP_LOG_CODES` lets it: for trying.

    Raises:
        NoSender: it may not; the log says what is missing, and no code.
    """
    if not settings.OTP_LOG_CODES:
        logger.error("no code was sent: OTP_SENDER names no sender")
        raise NoSender
    logger.info("the code for %s is %s", phone, code)
