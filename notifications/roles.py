"""What the roles may do with notifications."""

from accounts.facade import LOYALTY_MANAGER, OPERATOR, SUPPORT_AGENT, allow

for _role in (LOYALTY_MANAGER, SUPPORT_AGENT, OPERATOR):
    allow(
        _role,
        "notifications.view_inboxmessage",
        "notifications.view_pushnotification",
        "notifications.view_pushsend",
        "notifications.view_userdevice",
    )
allow(
    LOYALTY_MANAGER,
    "notifications.view_notificationpolicy",
    "notifications.change_notificationpolicy",
    *(
        f"notifications.{verb}_{model}"
        for model in ("notificationtemplate", "campaign", "campaigntext")
        for verb in ("view", "add", "change", "delete")
    ),
    "notifications.run_campaign",
)
