"""Where the hand-written views are: at the paths of those that they are measured against."""

from django.urls import path

from bench.yardstick.checkout import OrderView, QuoteView

urlpatterns = [
    path("api/v1/orders/quote/", QuoteView.as_view()),
    path("api/v1/orders/", OrderView.as_view()),
]
