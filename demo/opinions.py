"""Reviews of the demonstration shop."""

from collections.abc import Sequence
from datetime import time, timedelta
from random import Random

from demo.seasons import DAY, SATURDAY, draw_time, first_from
from demo.shop import Order, Plan, Review, at

_READ_AT = time(15, 0)
_WORDS: dict[int, tuple[str, ...]] = {
    5: (
        "Love it. Arrived two days early.",
        "Exactly what the picture shows, and better made than I hoped.",
        "My second one. The first went to my mother.",
        "Lekker. Would buy again.",
    ),
    4: (
        "Good value. The box was a bit dented, the rest is fine.",
        "Does what it should. Instructions could be clearer.",
        "Happy with it, the colour is a touch darker than on screen.",
    ),
    3: ("It is all right for the price.", "Works, but smaller than I expected.", "Average."),
    2: ("Came late and with a scratch.", "Not as sturdy as it looks."),
    1: ("Broke in the first week.", "Sent it back."),
}
_REFUSED = (
    "Buy cheaper from me, call the number on my profile!",
    "The courier at my gate was rude, his name is",
)


def make_reviews(plan: Plan, rng: Random, orders: Sequence[Order]) -> list[Review]:
    """Return a member's reviews of what arrived, one a product; the newest are not moderated yet."""
    reviews: dict[str, Review] = {}
    for order in orders:
        arrived = order.delivered_at
        if arrived is None:
            continue
        for line in order.lines:
            if line.sku in reviews or rng.random() >= 0.05:
                continue
            written_at = draw_time(rng, arrived.date() + timedelta(days=rng.randint(2, 12)))
            # Moderators leave a review alone for its first week: members edit what they wrote in anger.
            moderated_at = at(first_from(written_at.date() + 7 * DAY, SATURDAY), _READ_AT)
            if written_at >= plan.until:
                continue
            (rating,) = rng.choices((1, 2, 3, 4, 5), (4, 6, 12, 30, 48))
            is_approved = rng.random() >= 0.04
            reviews[line.sku] = Review(
                member=order.member,
                sku=line.sku,
                rating=rating,
                text=rng.choice(_WORDS[rating] if is_approved else _REFUSED),
                at=written_at,
                moderated_at=moderated_at if moderated_at < plan.until else None,
                is_approved=is_approved,
            )
    return list(reviews.values())
