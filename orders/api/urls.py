"""Paths of the orders API."""

from orders.api import shop_urls

urlpatterns = [*shop_urls.urlpatterns]
