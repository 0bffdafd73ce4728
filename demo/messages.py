"""A phone for the member with a password, and a second language for what it shows."""

from datetime import datetime

from notifications.facade import ensure_template, register_device

ISIZULU = {
    "tier_upgrade": (
        "Siyakwamukela ku-{tier}",
        "Usufinyelele ku-{tier}. Bona ukuthi kukulethelani.",
    ),
    "points_earned": ("Uthole amaphuzu angu-{points}", "{reason}: amaphuzu angu-{points}."),
    "order_shipped": ("I-oda lakho lisendleleni", "I-oda {number} lithunyelwe."),
    "order_delivered": ("I-oda lakho lifikile", "I-oda {number} lilethiwe. Lijabulele!"),
}


def tell_messages(user_id: int, *, at: datetime) -> None:
    """Register the phone and write the texts."""
    register_device(
        user_id=user_id,
        device_token=f"demo-phone-{user_id}",
        platform="android",
        device_info={"model": "Demo phone"},
        at=at,
    )
    for kind, (title, body) in ISIZULU.items():
        ensure_template(kind=kind, language="zu", title=title, body=body)
