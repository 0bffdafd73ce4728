"""A rate that all processes share: how many things may be done in any second."""

import logging
import time

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

_HEADROOM = 0.95
"""What the network does to the times between two calls stays within the rest."""

_REDIS_REST_SECONDS = 5
"""A Redis that hangs costs a second, and not a second each time."""

# The generic cell rate algorithm: one number, the time at which the next may go. Times are Redis' own, in
# microseconds, so that the machines' clocks don't matter.
_RESERVE = """
local now = redis.call('TIME')
local at = now[1] * 1000000 + now[2]
local next = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), at)
local free = next + tonumber(ARGV[1])
-- It must not be forgotten before what was taken is used up.
redis.call('SET', KEYS[1], string.format('%.0f', free), 'PX', math.ceil((free - at) / 1000) + 60000)
return string.format('%.0f', next - at)
"""


class SharedRate:
    """At most `per_second` of something in any second, over all who use `name`; a part of one is one in so
    many seconds."""

    def __init__(self, name: str, *, per_second: float) -> None:
        self._key = f"rate:{name}"
        self._spacing = 1_000_000 / (per_second * _HEADROOM)
        self._client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
        self._reserve = self._client.register_script(_RESERVE)
        self._next = 0.0
        self._redis_rests_until = 0.0

    def reserve(self, count: int) -> float:
        """Take `count` places and return in how many seconds the first of them comes.

        They are one behind the other: who asks for few at a time comes nearest to an even rate. Without Redis
        this process keeps the rate by itself.
        """
        cost, now = count * self._spacing, time.monotonic()
        if now >= self._redis_rests_until:
            try:
                wait = float(self._reserve(keys=[self._key], args=[f"{cost:.0f}"])) / 1_000_000
            except redis.RedisError as error:
                logger.warning(
                    "rate %s: Redis is away, kept by this process alone: %s", self._key, type(error).__name__
                )
                self._redis_rests_until = now + _REDIS_REST_SECONDS
            else:
                self._next = now + wait + cost / 1_000_000
                return wait
        now = time.monotonic()
        begins = max(self._next, now)
        self._next = begins + cost / 1_000_000
        return begins - now

    def close(self) -> None:
        self._client.close()
