"""Users in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.contracts import MEMBER_CHANGED, MEMBER_JOINED
from accounts.models import User
from accounts.services.blocking import set_active
from accounts.services.profile import SEEN
from accounts.services.sessions import end_all_sessions
from core import audit, outbox
from core.contracts import Actor
from core.long_lists import CappedPaginator


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta(AdminUserCreationForm.Meta):
        model = User
        fields = ("username", "email", "phone")


class UserForm(UserChangeForm):  # type: ignore[type-arg]
    class Meta(UserChangeForm.Meta):
        model = User


class NewPasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    """Another password ends what was signed in by the one before: it may be known to somebody."""

    def save(self, commit: bool = True) -> Any:
        user = super().save(commit=False)
        if commit:
            user.save(update_fields=["password", "updated_at"])
            end_all_sessions(user.pk, at=timezone.now())
        return user


@admin.register(User)
class MemberAdmin(UserAdmin):  # type: ignore[type-arg]
    """Members and staff; who has orders or points cannot be deleted, only made inactive."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = NewPasswordForm
    list_display = (
        "username",
        "email",
        "phone",
        "first_name",
        "last_name",
        "is_active",
        "is_staff",
        "date_joined",
    )
    list_filter = ("is_active", "is_staff", "is_superuser", "date_joined")
    search_fields = ("username", "email", "phone", "external_id", "first_name", "last_name")
    search_help_text = "Username, e-mail, phone, external id or name."
    ordering = ("-id",)
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = ("block", "unblock")
    readonly_fields = (
        "external_id",
        "stream_chat_user_id",
        "phone_verified_at",
        "email_verified_at",
        "language",
        "time_zone",
        "last_token_refresh",
        "tokens_valid_from",
        "last_login",
        "date_joined",
        "updated_at",
    )
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email", "phone")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (
            "Elsewhere and when",
            {"fields": (*readonly_fields,)},
        ),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "email", "phone", "usable_password", "password1", "password2"),
            },
        ),
    )

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return not _is_above(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return not _is_above(request, obj) and super().has_delete_permission(request, obj)

    def has_block_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.block_user")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        fixed: tuple[str, ...] = self.readonly_fields
        # The page of one's own account does not shut oneself out.
        if not self.has_block_permission(request) or (obj is not None and obj.pk == request.user.pk):
            fixed = (*fixed, "is_active")
        if request.user.is_superuser:
            return fixed
        return (*fixed, "is_staff", "is_superuser", "groups", "user_permissions")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save in the admin's transaction; whoever is new joined like any other member."""
        if change:
            self._save_changed(request, obj, form)
        else:
            super().save_model(request, obj, form, change)
            outbox.publish(MEMBER_JOINED, user_id=obj.pk)

    def _save_changed(self, request: HttpRequest, user: User, form: Any) -> None:
        """Save what the form changed: a new phone or e-mail is not proven, and blocking ends sessions."""
        changed = set(form.changed_data)
        if "phone" in changed:
            user.phone_verified_at = None
        if "email" in changed:
            user.email_verified_at = None
        # Only what the form changed, and the service does not: the rest may be another by now.
        written = changed & {field.name for field in User._meta.concrete_fields} - {"is_active"}
        written |= {f"{name}_verified_at" for name in changed & {"phone", "email"}}
        user.save(update_fields=[*written, "updated_at"])
        if "is_active" in changed:
            active = user.is_active
            set_active(user_id=user.pk, active=active, actor=Actor.of(request.user), at=timezone.now())
        if changed & {*SEEN, "is_staff"}:
            outbox.publish(MEMBER_CHANGED, user_id=user.pk)
        if contacts := sorted(changed & {"phone", "email"}):
            audit.record(
                actor=Actor.of(request.user),
                action="member.contact",
                target=user,
                before={name: form.initial[name] for name in contacts},
                after={name: getattr(user, name) for name in contacts},
            )

    @admin.action(description="Block the selected members", permissions=["block"])
    def block(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._set_active(request, queryset, active=False)

    @admin.action(description="Let the selected members in again", permissions=["block"])
    def unblock(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._set_active(request, queryset, active=True)

    def _set_active(self, request: HttpRequest, queryset: QuerySet[User], *, active: bool) -> None:
        """Each in a transaction of its own; whoever is above the caller, or is the caller, is left alone."""
        changed = left = 0
        for user in queryset.order_by("pk"):
            if _is_above(request, user) or user.pk == request.user.pk:
                left += 1
                continue
            changed += set_active(
                user_id=user.pk, active=active, actor=Actor.of(request.user), at=timezone.now()
            )
        self.message_user(request, f"{changed} {'let in again' if active else 'blocked'}.", messages.SUCCESS)
        if left:
            self.message_user(request, f"{left} not yours to change.", messages.WARNING)


def _is_above(request: HttpRequest, user: User | None) -> bool:
    """Whether a user is not the caller's to change.

    Else whoever may edit users could set another clerk's, or a superuser's, password and become them.
    """
    if user is None or request.user.is_superuser or user.pk == request.user.pk:
        return False
    return user.is_superuser or user.is_staff
