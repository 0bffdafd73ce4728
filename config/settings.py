"""Django settings, all read from the environment; README's operator page lists every variable."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("DATA_DIR", BASE_DIR / "var")).resolve()


def _required(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is missing: set it in the environment (README, for the operator)."
        )
    return value


def _listed(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


DEBUG = False
SECRET_KEY = _required("SECRET_KEY")
ALLOWED_HOSTS = _listed("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CORS_ALLOWED_ORIGINS = _listed("CORS_ALLOWED_ORIGINS")
CSRF_TRUSTED_ORIGINS = CORS_ALLOWED_ORIGINS

INSTALLED_APPS = [
    "core",
    "accounts",
    "notifications",
    "catalog",
    "orders",
    "rewards",
    "chat_support",
    "demo",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "core.middleware.MetricsMiddleware",
    "core.middleware.BodyLimitMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # It reads every request's headers: only for those who have somebody to let in.
    *(["corsheaders.middleware.CorsMiddleware"] if CORS_ALLOWED_ORIGINS else []),
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- PostgreSQL --------------------------------------------------------------------------------------------
_database: dict[str, Any] = {
    **dj_database_url.parse(_required("DATABASE_URL"), engine="core.database"),
    "ATOMIC_REQUESTS": False,
    "CONN_MAX_AGE": 600,
    "CONN_HEALTH_CHECKS": True,
}
_options = _database.setdefault("OPTIONS", {})
_options.update(application_name="markethub", connect_timeout=5)
# A socket's folder is given as `?host=`, because parsers put the host proper in lower case.
_database["HOST"] = _options.pop("host", None) or _database["HOST"]
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis and Celery --------------------------------------------------------------------------------------
REDIS_URL = _required("REDIS_URL")
# Celery names a Unix socket's scheme differently from redis-py.
CELERY_BROKER_URL = (
    REDIS_URL.replace("unix://", "redis+socket://", 1) if urlsplit(REDIS_URL).scheme == "unix" else REDIS_URL
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 270
CELERY_TIMEZONE = "Africa/Johannesburg"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A dead Redis must fail a publish within half a second: the outbox sweep makes up for the lost nudge.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 0.4,
    "socket_connect_timeout": 0.4,
    "max_retries": 0,
    "visibility_timeout": 600,
}
CELERY_BEAT_SCHEDULE = {
    "sweep-outbox": {"task": "core.sweep_outbox", "schedule": 5.0, "options": {"expires": 5}},
    "forget-idempotent-responses": {
        "task": "core.forget_idempotent_responses",
        "schedule": crontab(minute=20),
    },
    "forget-sign-in-traces": {"task": "accounts.forget_old", "schedule": crontab(minute=35)},
    "send-pushes": {"task": "notifications.send_pushes", "schedule": 2.0, "options": {"expires": 2}},
    "walk-campaigns": {"task": "notifications.walk_campaigns", "schedule": 5.0, "options": {"expires": 5}},
    "forget-old-notifications": {"task": "notifications.forget_old", "schedule": crontab(minute=50, hour=2)},
    "cancel-unpaid-orders": {
        "task": "orders.cancel_unpaid",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "mature-points": {"task": "rewards.mature_points", "schedule": crontab(minute="*/15")},
    "expire-points": {"task": "rewards.expire_points", "schedule": crontab(minute="10,25,40,55")},
    "send-reminders": {"task": "rewards.send_reminders", "schedule": crontab(hour=9, minute=0)},
    "expire-vouchers": {"task": "rewards.expire_vouchers", "schedule": crontab(minute=5)},
    "recalculate-rolling-tiers": {
        "task": "rewards.recalculate_rolling_tiers",
        "schedule": crontab(hour=1, minute=0),
    },
    "mark-ticket-breaches": {
        "task": "chat_support.mark_breaches",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "call-stream": {"task": "chat_support.call_stream", "schedule": 3.0, "options": {"expires": 3}},
    "forget-stream-calls": {"task": "chat_support.forget_calls", "schedule": crontab(minute=40, hour=2)},
    "forget-stream-webhooks": {
        "task": "chat_support.forget_webhooks",
        "schedule": crontab(minute=55, hour=2),
    },
    "close-resolved-tickets": {"task": "chat_support.close_resolved", "schedule": crontab(minute=50)},
}

# --- Signing in --------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.NameOrEmailBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
ACCESS_TOKEN_SECONDS = 15 * 60
REFRESH_TOKEN_SECONDS = 30 * 24 * 3600
LOGIN_URL = "admin:login"

# What sends a code to a phone: a callable of (phone, code). The one here only logs, and says the code only
# where the second variable lets it.
OTP_SENDER = os.environ.get("OTP_SENDER") or "accounts.senders.log_code"
OTP_LOG_CODES = os.environ.get("OTP_LOG_CODES", "") == "1"
OTP_SECONDS = 5 * 60

# How often: (times, seconds), each of them. An address of a mobile network is shared by thousands.
ATTEMPT_LIMITS = {
    "otp_phone": [(1, 60), (5, 3600), (10, 24 * 3600)],
    "otp_prefix": [(50, 3600), (200, 24 * 3600)],  # ten thousand numbers: all but the last four digits
    "otp_address": [(200, 3600), (1000, 24 * 3600)],
    "login_account": [(10, 15 * 60)],
    "login_address": [(200, 15 * 60)],
    "email_member": [(3, 3600), (10, 24 * 3600)],
    "email_to": [(3, 3600), (10, 24 * 3600)],
    "stream_token": [(30, 5 * 60)],  # an app asks once an hour, and at each start
}
# Addresses, networks, or `unix`: whose X-Forwarded-For is believed.
TRUSTED_PROXIES = _listed("TRUSTED_PROXIES")
for _proxy in TRUSTED_PROXIES:
    try:
        if _proxy != "unix":
            ip_network(_proxy, strict=False)
    except ValueError:
        raise ImproperlyConfigured(
            f"TRUSTED_PROXIES: {_proxy} is neither an address nor a network."
        ) from None

# An identity provider is on once the ids are named that it knows our apps by.
SOCIAL_PROVIDERS: dict[str, dict[str, Any]] = {
    "google": {
        "client_ids": _listed("GOOGLE_CLIENT_IDS"),
        "issuers": ["https://accounts.google.com", "accounts.google.com"],
        "jwks_url": os.environ.get("GOOGLE_JWKS_URL") or "https://www.googleapis.com/oauth2/v3/certs",
    },
    "apple": {
        "client_ids": _listed("APPLE_CLIENT_IDS"),
        "issuers": ["https://appleid.apple.com"],
        "jwks_url": os.environ.get("APPLE_JWKS_URL") or "https://appleid.apple.com/auth/keys",
    },
    "facebook": {
        "client_ids": _listed("FACEBOOK_CLIENT_IDS"),
        "issuers": ["https://www.facebook.com", "https://facebook.com"],
        "jwks_url": os.environ.get("FACEBOOK_JWKS_URL")
        or "https://www.facebook.com/.well-known/oauth/openid/jwks/",
    },
}

# --- E-mail ------------------------------------------------------------------------------------------------
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_PORT = int(os.environ.get("EMAIL_PORT") or "587")
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = (os.environ.get("EMAIL_USE_TLS") or "1") == "1"
EMAIL_TIMEOUT = 5
# Without a host messages go to the console where codes may (`make run`), and else nowhere.
EMAIL_BACKEND = "django.core.mail.backends." + (
    "smtp.EmailBackend" if EMAIL_HOST else "console.EmailBackend" if OTP_LOG_CODES else "dummy.EmailBackend"
)
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL") or "MarketHub <no-reply@localhost>"
# What the message links to; the app opens it and posts the token to auth/verify-email/.
EMAIL_VERIFICATION_LINK = (
    os.environ.get("EMAIL_VERIFICATION_LINK") or "markethub://verify-email?token={token}"
)
EMAIL_VERIFICATION_SECONDS = 24 * 3600

# --- Outside services: off while a variable of theirs is missing (core.integrations) -----------------------
FIREBASE_PROJECT_ID = os.environ.get("FIREBASE_PROJECT_ID", "")
FIREBASE_CLIENT_EMAIL = os.environ.get("FIREBASE_CLIENT_EMAIL", "")
# One line in the environment: its line ends are written as \n.
FIREBASE_PRIVATE_KEY = os.environ.get("FIREBASE_PRIVATE_KEY", "").replace("\\n", "\n")
FIREBASE_TOKEN_URL = os.environ.get("FIREBASE_TOKEN_URL") or "https://oauth2.googleapis.com/token"
FCM_URL = os.environ.get("FCM_URL") or "https://fcm.googleapis.com"
FCM_MESSAGES_A_SECOND = int(
    os.environ.get("FCM_MESSAGES_A_SECOND") or "10000"
)  # what Google grants a project
STREAM_CHAT_API_KEY = os.environ.get("STREAM_CHAT_API_KEY", "")
STREAM_CHAT_SECRET = os.environ.get("STREAM_CHAT_SECRET", "")
STREAM_CHAT_URL = os.environ.get("STREAM_CHAT_URL") or "https://chat.stream-io-api.com"
STREAM_TOKEN_SECONDS = 3600
STREAM_BOT_ID = "markethub-bot"
STREAM_CALLS_A_MINUTE = int(os.environ.get("STREAM_CALLS_A_MINUTE") or "300")  # what Stream grants an app
STREAM_WEBHOOK_BYTES = 1024 * 1024  # as it is signed: of a compressed one, what it inflates to
TICKETS_A_DAY = int(os.environ.get("TICKETS_A_DAY") or "20")  # that a member may open
TICKET_MESSAGES_A_MINUTE = int(os.environ.get("TICKET_MESSAGES_A_MINUTE") or "20")
TICKET_CLOSES_AFTER_DAYS = int(os.environ.get("TICKET_CLOSES_AFTER_DAYS") or "7")
# Where members and services reach this site from outside; pictures below it are shown to others only then.
PUBLIC_URL = (os.environ.get("PUBLIC_URL") or "").rstrip("/")
# What links into the app begin with (core.links): its own scheme, or a site that the app has claimed.
APP_LINK = os.environ.get("APP_LINK") or "markethub://"

# --- REST --------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.api.parsers.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "core.api.negotiation.PlainNegotiation",
    "DEFAULT_SCHEMA_CLASS": "core.api.schema.ProblemSchema",
    "EXCEPTION_HANDLER": "core.api.problems.exception_handler",
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MarketHub loyalty and engagement",
    "DESCRIPTION": "Points, tiers, vouchers and orders of the MarketHub marketplace.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "PREPROCESSING_HOOKS": ["core.api.schema.only_versioned_paths"],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "OrderStatusEnum": "orders.models.STATUS_CHOICES",
        "ToldOrderStatusEnum": "orders.api.shop_serializers.TOLD_STATUSES",
        "OrderOutcomeEnum": "orders.api.shop_serializers.OUTCOMES",
        "ReturnStateEnum": "orders.api.shop_serializers.RETURN_STATES",
        "ReturnRequestStatusEnum": "orders.checkout_models.ReturnRequest.Status",
        "KindEnum": "orders.api.serializers.SHARE_KINDS",
        "DeviceKindEnum": "notifications.models.UserDevice.Address",
        "LinkKindEnum": "core.api.links.KINDS",
        "VoucherStatusEnum": "rewards.models.UserVoucher.Status",
        "TicketStatusEnum": "chat_support.models.SupportTicket.Status",
        "TicketPriorityEnum": "chat_support.models.SupportTicket.Priority",
        "MessageAuthorEnum": "chat_support.models.TicketMessage.Author",
    },
}
MAX_BODY_BYTES = 1024 * 1024
MAX_IMAGE_BYTES = 2 * 1024 * 1024

# --- Time, text, files -------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "Africa/Johannesburg"  # the programme's own: expiry is the end of a day here
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
MEDIA_URL = "/media/"
MEDIA_ROOT = DATA_DIR / "media"

SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

# --- Logs --------------------------------------------------------------------------------------------------
LOG_FILE = Path(os.environ.get("LOG_FILE", DATA_DIR / "markethub_api.log"))
LOG_FILE.parent.mkdir(parents=True, exist_ok=True)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "core.logs.PrivateFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line"},
        "file": {
            # Several processes write to it and rotate it: the standard library's handler loses lines then.
            "class": "concurrent_log_handler.ConcurrentRotatingFileHandler",
            "filename": LOG_FILE,
            "maxBytes": 10 * 1024 * 1024,
            "backupCount": 5,
            "encoding": "utf-8",
            "formatter": "line",
        },
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        name: {"handlers": ["console", "file"], "level": level, "propagate": False}
        for name, level in (
            ("core", "INFO"),
            ("accounts", "INFO"),
            ("notifications", "INFO"),
            ("orders", "INFO"),
            ("rewards", "INFO"),
            ("chat_support", "INFO"),
            ("django.request", "ERROR"),  # tracebacks of what answered 5xx
        )
    },
}
