"""Paths of the orders API."""

from django.urls import path

from orders.api import shop_urls, views

urlpatterns = [
    *shop_urls.urlpatterns,
    path("orders/", views.OrdersView.as_view()),
    path("orders/quote/", views.QuoteView.as_view()),
    path("orders/<int:order_id>/", views.OrderView.as_view()),
    path("orders/<int:order_id>/cancel/", views.CancelView.as_view()),
    path("orders/<int:order_id>/returns/", views.ReturnRequestsView.as_view()),
    path("orders/<int:order_id>/returns/<int:request_id>/pictures/", views.ReturnPicturesView.as_view()),
]
