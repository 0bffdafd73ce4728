"""Accounts' part of the walk over all URLs."""

from tests.walk import public

public |= {
    "auth/send-otp/",
    "auth/verify-otp/",
    "auth/login/",
    "auth/google/",
    "auth/apple/",
    "auth/facebook/",
    "auth/refresh/",
    "auth/logout/",
    "auth/verify-email/",
}
