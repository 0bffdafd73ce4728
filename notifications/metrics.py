"""What Prometheus reads of pushes."""

from prometheus_client import Counter

PUSH_ANSWERS = Counter("markethub_push_answers", "What FCM answered, by what became of the push", ["verdict"])
