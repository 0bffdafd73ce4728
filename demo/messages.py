"""A phone for the member with a password, a second language for what it shows, and two campaigns."""

from datetime import datetime

from core.contracts import SYSTEM
from notifications.facade import ensure_campaign, ensure_template, register_device, schedule_campaign

ISIZULU = {
    "tier_upgrade": (
        "Siyakwamukela ku-{tier}",
        "Usufinyelele ku-{tier}. Bona ukuthi kukulethelani.",
    ),
    "points_earned": ("Uthole amaphuzu angu-{points}", "{reason}: amaphuzu angu-{points}."),
    "order_shipped": ("I-oda lakho lisendleleni", "I-oda {number} lithunyelwe."),
    "order_delivered": ("I-oda lakho lifikile", "I-oda {number} lilethiwe. Lijabulele!"),
}

EXPIRING = {
    "en": ("Your points won't wait", "Some of your points go soon. See what they buy."),
    "zu": ("Amaphuzu akho awalindi", "Amanye amaphuzu akho azophela maduze. Bona ukuthi angathengani."),
}
THANKS = {
    "en": ("Thank you for shopping with us", "Something new came in this week. Come and see!"),
    "zu": ("Siyabonga ngokuthenga kithi", "Kukhona okusha kuleli sonto. Woza uzobona!"),
}


def tell_messages(user_id: int, *, at: datetime) -> None:
    """Register the phone and write the texts; one campaign is a draft, the other goes out."""
    register_device(
        user_id=user_id,
        device_token=f"demo-phone-{user_id}",
        platform="android",
        device_info={"model": "Demo phone"},
        at=at,
    )
    for kind, (title, body) in ISIZULU.items():
        ensure_template(kind=kind, language="zu", title=title, body=body)
    ensure_campaign(name="Points that go soon", texts=EXPIRING, segment={"points_expire_within_days": 30})
    thanks = ensure_campaign(name="Thank you", texts=THANKS, segment={"ordered_within_days": 90})
    schedule_campaign(campaign_id=thanks, scheduled_at=at, actor=SYSTEM)
