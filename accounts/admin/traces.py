"""What signing in leaves behind, to look at."""

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import PhoneChallenge, SocialIdentity
from core import audit
from core.admin import ReadOnly
from core.contracts import Actor


@admin.register(PhoneChallenge)
class PhoneChallengeAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Codes sent, for "I got no code"; the codes themselves are nowhere."""

    list_display = ("phone", "created_at", "sent_at", "tries", "used_at", "expires_at", "address")
    search_fields = ("phone__startswith",)
    search_help_text = "The beginning of a phone number: +2782."
    show_full_result_count = False
    ordering = ("-id",)
    fields = ("otp_id", "phone", "address", "created_at", "sent_at", "tries", "used_at", "expires_at")


@admin.register(SocialIdentity)
class SocialIdentityAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Who signs in with what; deleting one unlinks it."""

    list_display = ("user", "provider", "email", "created_at", "last_used_at")
    list_select_related = ("user",)
    list_filter = ("provider",)
    search_fields = ("user__username__startswith", "subject__exact", "email__iexact")
    search_help_text = "The beginning of a username, a whole e-mail, or the provider's id."
    show_full_result_count = False
    ordering = ("-id",)
    fields = ("user", "provider", "subject", "email", "created_at", "last_used_at")
    actions = None

    def has_delete_permission(self, request: HttpRequest, obj: SocialIdentity | None = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    def delete_model(self, request: HttpRequest, obj: SocialIdentity) -> None:
        """Unlink, with its audit row (the admin's page is one transaction)."""
        audit.record(
            actor=Actor.of(request.user),
            action="identity.unlink",
            target=obj,
            before={"user_id": obj.user_id, "provider": obj.provider},
            after={},
        )
        obj.delete()
