"""What the core itself answers under the API."""

from django.urls import path

from core.api import links

urlpatterns = [
    path("links/resolve/", links.ResolveLinkView.as_view()),
]
