"""The catalogue's part of the walk over all URLs."""

from accounts.models import User
from tests.catalog.factories import make_product, make_review
from tests.walk import Arguments, own_row, shared_row


@shared_row("catalog/products/<int:product_id>/")
@shared_row("catalog/products/<int:product_id>/reviews/")
def product() -> Arguments:
    return {"product_id": make_product().pk}


@shared_row("catalog/reviews/<int:review_id>/helpful/")
@shared_row("catalog/reviews/<int:review_id>/report/")
def approved_review() -> Arguments:
    return {"review_id": make_review(status="approved").pk}


@own_row("catalog/reviews/<int:review_id>/")
def waiting_review(owner: User) -> Arguments:
    return {"review_id": make_review(owner).pk}
