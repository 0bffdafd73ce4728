"""Paths of the rewards API."""

from django.urls import path

from rewards.api import shop_urls, views

urlpatterns = [
    path("rewards/balance/", views.BalanceView.as_view()),
    path("rewards/loyalty-status/", views.LoyaltyStatusView.as_view()),
    path("rewards/earn-rules/", views.EarnRulesView.as_view()),
    path("rewards/redemption-options/", views.RedemptionOptionsView.as_view()),
    path("rewards/redeem/", views.RedeemView.as_view()),
    path("rewards/vouchers/", views.VouchersView.as_view()),
    path("rewards/validate-voucher/", views.ValidateVoucherView.as_view()),
    path("rewards/transactions/", views.TransactionsView.as_view()),
    path("rewards/transactions/<int:transaction_id>/", views.TransactionView.as_view()),
    path("rewards/expiring/", views.ExpiringView.as_view()),
    *shop_urls.urlpatterns,
]
