"""Orders' part of the walk over all URLs."""

from tests.walk import Arguments, shop_path


@shop_path("shop/orders/<str:number>/")
@shop_path("shop/orders/<str:number>/returns/")
def any_number() -> Arguments:
    return {"number": "1001"}
