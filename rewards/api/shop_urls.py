"""Where a shop's system sees and changes a member's points."""

from django.urls import path

from rewards.api.shop_views import ShopMemberView, ShopPointsView

urlpatterns = [
    path("shop/members/<str:external_id>/", ShopMemberView.as_view()),
    path("shop/members/<str:external_id>/points/", ShopPointsView.as_view()),
]
