"""Paths of the catalogue's API."""

from django.urls import path

from catalog.api import reviews, views

urlpatterns = [
    path("catalog/categories/", views.CategoriesView.as_view()),
    path("catalog/brands/", views.BrandsView.as_view()),
    path("catalog/products/", views.ProductsView.as_view()),
    path("catalog/products/<int:product_id>/", views.ProductView.as_view()),
    path("catalog/products/<int:product_id>/reviews/", reviews.ProductReviewsView.as_view()),
    path("catalog/reviews/", reviews.OwnReviewsView.as_view()),
    path("catalog/reviews/<int:review_id>/", reviews.ReviewView.as_view()),
    path("catalog/reviews/<int:review_id>/helpful/", reviews.HelpfulView.as_view()),
    path("catalog/reviews/<int:review_id>/report/", reviews.ReportView.as_view()),
]
