"""What every app stands on: outbox, idempotency, problems, paging, audit, health and metrics."""

__version__ = "0.1.0"
