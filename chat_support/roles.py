"""What the roles may do at the support desk."""

from accounts.facade import LOYALTY_MANAGER, OPERATOR, SUPPORT_AGENT, allow

_SETTINGS = ("supporttarget", "workinghours", "holiday", "cannedanswer")

allow(
    SUPPORT_AGENT,
    "chat_support.view_supportticket",
    "chat_support.answer_ticket",
    "chat_support.view_agent",
    *(f"chat_support.view_{model}" for model in _SETTINGS),
    "chat_support.add_cannedanswer",
    "chat_support.change_cannedanswer",
)
allow(LOYALTY_MANAGER, "chat_support.view_supportticket")
allow(
    OPERATOR,
    "chat_support.view_supportticket",
    "chat_support.view_agent",
    "chat_support.change_agent",
    "chat_support.view_streamcall",
    "chat_support.retry_streamcall",
    "chat_support.view_streamwebhook",
    "chat_support.replay_streamwebhook",
    *(f"chat_support.{verb}_{model}" for model in _SETTINGS for verb in ("view", "add", "change", "delete")),
)
