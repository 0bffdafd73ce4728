"""Signing in, and one's own account."""

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import serializers as shapes
from accounts.identity_tokens import IdTokenRefused, ProviderAway, ProviderOff
from accounts.models import SocialIdentity, User
from accounts.services.avatars import delete_avatar, set_avatar
from accounts.services.emails import EmailNotSent, EmailTokenRefused, send_verification, verify_email
from accounts.services.limits import TooManyAttempts
from accounts.services.members import EmailTaken
from accounts.services.phone_codes import CodeExpired, CodeNotSent, WrongCode, send_code, verify_code
from accounts.services.profile import update_profile
from accounts.services.sessions import (
    MemberBlocked,
    RefreshRaced,
    RefreshRefused,
    end_all_sessions,
    end_session,
    refresh_session,
)
from accounts.services.sign_in import InvalidCredentials, sign_in
from accounts.services.social import OtherIdentityLinked, sign_in_with
from core.api.caller import caller_id
from core.api.client_address import client_address
from core.api.schema import refuses
from core.api.serializers import shown
from core.idempotency import HEADER, idempotency_key

_TAGS = ["auth"]
_SECRET = {"Cache-Control": "no-store"}


class PublicView(APIView):
    """For who is not signed in yet: a stale token in the header must not keep them from it."""

    authentication_classes = []
    permission_classes = [AllowAny]


class SendOtpView(PublicView):
    @extend_schema(
        operation_id="auth_send_otp",
        summary="Send a code to a phone",
        description="The answer is the same whether the phone is a member's or not.",
        tags=_TAGS,
        request=shapes.SendOtpInput,
        responses=shapes.SendOtpOutput,
    )
    @refuses(TooManyAttempts, CodeNotSent)
    def post(self, request: Request) -> Response:
        body = shapes.SendOtpInput.parse(request)
        otp_id = send_code(phone=body["phone"], address=client_address(request), at=timezone.now())
        _, resend_in = settings.ATTEMPT_LIMITS["otp_phone"][0]
        sent = {"otp_id": otp_id, "expires_in": settings.OTP_SECONDS, "resend_in": resend_in}
        return Response(shown(shapes.SendOtpOutput, sent), headers=_SECRET)


class VerifyOtpView(PublicView):
    @extend_schema(
        operation_id="auth_verify_otp",
        summary="Sign in by the code",
        description="An unknown phone becomes a new member. Five guesses a code, five minutes.",
        tags=_TAGS,
        request=shapes.VerifyOtpInput,
        responses=shapes.SignedInOutput,
    )
    @refuses(CodeExpired, WrongCode, MemberBlocked)
    def post(self, request: Request) -> Response:
        body = shapes.VerifyOtpInput.parse(request)
        signed_in = verify_code(
            otp_id=body["otp_id"],
            code=body["code"],
            referral_code=body.get("referral_code"),
            at=timezone.now(),
        )
        return Response(shown(shapes.SignedInOutput, signed_in), headers=_SECRET)


class LoginView(PublicView):
    @extend_schema(
        operation_id="auth_login",
        summary="Sign in by name and password",
        description="Takes a username or an e-mail; refuses with 401 `invalid_credentials`.",
        tags=_TAGS,
        request=shapes.LoginInput,
        responses=shapes.TokensOutput,
    )
    @refuses(InvalidCredentials, TooManyAttempts)
    def post(self, request: Request) -> Response:
        body = shapes.LoginInput.parse(request)
        login = body["username"] if "username" in body else body["email"]
        signed_in = sign_in(request=request, login=login, password=body["password"], at=timezone.now())
        return Response(shown(shapes.TokensOutput, signed_in), headers=_SECRET)


class SocialView(PublicView):
    provider: str = SocialIdentity.Provider.GOOGLE

    @extend_schema(
        summary="Sign in by an id token",
        description="An unknown identity is linked to the member whose e-mail both sides have verified, "
        "or becomes a new member. 503 `provider_off` where the provider is not configured.",
        tags=_TAGS,
        request=shapes.IdTokenInput,
        responses=shapes.SignedInOutput,
    )
    @refuses(IdTokenRefused, MemberBlocked, OtherIdentityLinked, ProviderOff, ProviderAway)
    def post(self, request: Request) -> Response:
        body = shapes.IdTokenInput.parse(request)
        signed_in = sign_in_with(
            provider=self.provider,
            id_token=body["id_token"],
            nonce=body.get("nonce"),
            referral_code=body.get("referral_code"),
            at=timezone.now(),
        )
        return Response(shown(shapes.SignedInOutput, signed_in), headers=_SECRET)


class RefreshView(PublicView):
    @extend_schema(
        operation_id="auth_refresh",
        summary="Change a refresh token for a new pair",
        description="Each refresh token is good once. Of two calls at once one gets the pair and the other "
        "409 `refresh_raced`; a retry with the same `Idempotency-Key` gets the pair again. A token that "
        "comes back later ends all tokens of its sign-in.",
        tags=_TAGS,
        parameters=[
            OpenApiParameter(
                HEADER, str, OpenApiParameter.HEADER, description="Your own name for this call, for retries."
            )
        ],
        request=shapes.RefreshInput,
        responses=shapes.TokensOutput,
    )
    @refuses(RefreshRefused, RefreshRaced)
    def post(self, request: Request) -> Response:
        body = shapes.RefreshInput.parse(request)
        pair = refresh_session(token=body["refresh"], retry_key=idempotency_key(request), at=timezone.now())
        return Response(shown(shapes.TokensOutput, pair), headers=_SECRET)


class LogoutView(PublicView):
    @extend_schema(
        operation_id="auth_logout",
        summary="End this sign-in",
        description="Ends every token that follows from the sign-in of this refresh token; 204 also for one "
        "that is unknown. An access token goes on until it expires.",
        tags=_TAGS,
        request=shapes.RefreshInput,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        end_session(token=shapes.RefreshInput.parse(request)["refresh"], at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class LogoutAllView(APIView):
    @extend_schema(
        operation_id="auth_logout_all",
        summary="End every sign-in of this member",
        description="Access tokens end at once too, this one among them.",
        tags=_TAGS,
        request=None,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        end_all_sessions(caller_id(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _me(request: Request, user: User) -> Response:
    return Response(shapes.MeOutput(user, context={"request": request}).data)


def _caller(request: Request) -> User:
    assert isinstance(request.user, User)  # these views take a user's token and nothing else
    return request.user


class MeView(APIView):
    @extend_schema(operation_id="auth_me", summary="One's own account", tags=_TAGS, responses=shapes.MeOutput)
    def get(self, request: Request) -> Response:
        return _me(request, _caller(request))

    @extend_schema(
        operation_id="auth_me_change",
        summary="Change one's own account",
        tags=_TAGS,
        request=shapes.MeInput,
        responses=shapes.MeOutput,
    )
    def patch(self, request: Request) -> Response:
        changes = shapes.MeInput.parse(request)
        return _me(request, update_profile(caller_id(request), changes, at=timezone.now()))


class AvatarView(APIView):
    parser_classes = [MultiPartParser]
    # The picture, and what multipart puts around it.
    max_body_bytes = settings.MAX_IMAGE_BYTES + 64 * 1024

    @extend_schema(
        operation_id="auth_me_avatar",
        summary="Upload one's picture",
        tags=_TAGS,
        request={"multipart/form-data": shapes.AvatarInput},
        responses=shapes.MeOutput,
    )
    def put(self, request: Request) -> Response:
        image = shapes.AvatarInput.parse(request)["image"]
        return _me(request, set_avatar(caller_id(request), image, at=timezone.now()))

    @extend_schema(
        operation_id="auth_me_avatar_delete",
        summary="Take one's picture away",
        tags=_TAGS,
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request) -> Response:
        delete_avatar(caller_id(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class EmailView(APIView):
    @extend_schema(
        operation_id="auth_me_email",
        summary="Ask for another e-mail, or to verify this one",
        description="A message goes there; the e-mail is the member's once its token has come back to "
        "`auth/verify-email/`. The answer is the same whether another member has the address or not.",
        tags=_TAGS,
        request=shapes.EmailInput,
        responses={202: None},
    )
    @refuses(TooManyAttempts, EmailNotSent)
    def post(self, request: Request) -> Response:
        email = shapes.EmailInput.parse(request)["email"]
        send_verification(user=_caller(request), email=email, at=timezone.now())
        return Response(status=status.HTTP_202_ACCEPTED)


class VerifyEmailView(PublicView):
    @extend_schema(
        operation_id="auth_verify_email",
        summary="Verify an e-mail by the token that was sent there",
        tags=_TAGS,
        request=shapes.VerifyEmailInput,
        responses=shapes.VerifiedEmailOutput,
    )
    @refuses(EmailTokenRefused, EmailTaken)
    def post(self, request: Request) -> Response:
        token = shapes.VerifyEmailInput.parse(request)["token"]
        return Response(
            shown(shapes.VerifiedEmailOutput, {"email": verify_email(token=token, at=timezone.now())})
        )
