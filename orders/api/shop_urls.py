"""Where a shop's system tells of its orders."""

from django.urls import path

from orders.api.shop_views import ShopBatchView, ShopOrderView, ShopReturnsView

urlpatterns = [
    path("shop/orders/batch/", ShopBatchView.as_view()),
    path("shop/orders/<str:number>/", ShopOrderView.as_view()),
    path("shop/orders/<str:number>/returns/", ShopReturnsView.as_view()),
]
