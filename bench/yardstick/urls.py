"""Where the hand-written views are: at the paths of those that they are measured against."""

from django.urls import path

from bench.yardstick.balance import BalanceView, bare
from bench.yardstick.checkout import OrderView, QuoteView
from bench.yardstick.redeem import RedeemView

urlpatterns = [
    path("bare/", bare),
    path("api/v1/rewards/balance/", BalanceView.as_view()),
    path("api/v1/rewards/redeem/", RedeemView.as_view()),
    path("api/v1/orders/quote/", QuoteView.as_view()),
    path("api/v1/orders/", OrderView.as_view()),
]
