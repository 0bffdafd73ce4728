"""Paths of the support API."""

from django.urls import path

from chat_support.api import views
from chat_support.api.webhooks import StreamWebhookView

urlpatterns = [
    path("auth/stream-token/", views.StreamTokenView.as_view()),
    path("chat/webhooks/stream/", StreamWebhookView.as_view()),
    path("support/tickets/", views.TicketsView.as_view()),
    path("support/tickets/<int:ticket_id>/", views.TicketView.as_view()),
    path("support/tickets/<int:ticket_id>/messages/", views.MessagesView.as_view()),
    path("support/tickets/<int:ticket_id>/close/", views.CloseView.as_view()),
    path("support/tickets/<int:ticket_id>/reopen/", views.ReopenView.as_view()),
    path("support/tickets/<int:ticket_id>/read/", views.ReadView.as_view()),
    path("support/tickets/<int:ticket_id>/rate/", views.RateView.as_view()),
    path("support/tickets/<int:ticket_id>/transcript/", views.TranscriptView.as_view()),
    path("support/tickets/<int:ticket_id>/transcript.txt/", views.TextTranscriptView.as_view()),
]
