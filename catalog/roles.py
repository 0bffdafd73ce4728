"""What the roles may do with the catalogue."""

from accounts.facade import CATALOGUE_EDITOR, SUPPORT_AGENT, allow

allow(
    CATALOGUE_EDITOR,
    *(
        f"catalog.{verb}_{model}"
        for model in ("category", "product")
        for verb in ("view", "add", "change", "delete")
    ),
    "catalog.view_review",
    "catalog.change_review",
)
allow(
    SUPPORT_AGENT,
    "catalog.view_product",
    "catalog.view_category",
    "catalog.view_review",
    "catalog.change_review",
)
