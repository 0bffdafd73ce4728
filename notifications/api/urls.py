"""Where notifications answer."""

from django.urls import path

from notifications.api import views

urlpatterns = [
    path("notifications/register-device/", views.RegisterDeviceView.as_view()),
    path("notifications/devices/", views.DevicesView.as_view()),
    path("notifications/devices/<int:device_id>/", views.DeviceView.as_view()),
    path("notifications/preferences/", views.PreferencesView.as_view()),
    path("notifications/inbox/", views.InboxView.as_view()),
    path("notifications/inbox/unread-count/", views.UnreadView.as_view()),
    path("notifications/inbox/read-all/", views.ReadAllView.as_view()),
    path("notifications/inbox/<uuid:notification_id>/read/", views.ReadView.as_view()),
    path("notifications/<uuid:notification_id>/delivered/", views.DeliveredView.as_view()),
    path("notifications/<uuid:notification_id>/opened/", views.OpenedView.as_view()),
]
