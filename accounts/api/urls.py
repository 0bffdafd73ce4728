"""Where signing in answers."""

from django.urls import path

from accounts.api import views
from accounts.models import SocialIdentity

urlpatterns = [
    path("auth/send-otp/", views.SendOtpView.as_view()),
    path("auth/verify-otp/", views.VerifyOtpView.as_view()),
    path("auth/login/", views.LoginView.as_view()),
    *(
        path(f"auth/{provider}/", views.SocialView.as_view(provider=provider))
        for provider in SocialIdentity.Provider.values
    ),
    path("auth/refresh/", views.RefreshView.as_view()),
    path("auth/logout/", views.LogoutView.as_view()),
    path("auth/logout-all/", views.LogoutAllView.as_view()),
    path("auth/me/", views.MeView.as_view()),
    path("auth/me/avatar/", views.AvatarView.as_view()),
    path("auth/me/email/", views.EmailView.as_view()),
    path("auth/verify-email/", views.VerifyEmailView.as_view()),
]
