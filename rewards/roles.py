"""What the roles may do with points."""

from accounts.facade import LOYALTY_MANAGER, OPERATOR, SUPPORT_AGENT, allow

allow(
    LOYALTY_MANAGER,
    "rewards.view_programme",
    "rewards.change_programme",
    *(
        f"rewards.{verb}_{model}"
        for model in ("loyaltytier", "earningrule", "redemptionoption")
        for verb in ("view", "add", "change", "delete")
    ),
    "rewards.view_userpoints",
    "rewards.adjust_points",
    "rewards.view_pointstransaction",
    "rewards.view_tierchange",
    "rewards.view_uservoucher",
    "rewards.take_back_voucher",
)
allow(
    SUPPORT_AGENT,
    "rewards.view_userpoints",
    "rewards.view_pointstransaction",
    "rewards.view_tierchange",
    "rewards.view_uservoucher",
)
allow(OPERATOR, "rewards.view_pointstransaction", "rewards.view_userpoints")
