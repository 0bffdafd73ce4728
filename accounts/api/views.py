"""Signing in, and one's own account."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.serializers import LoginInput, MeOutput, TokensOutput
from accounts.services.sign_in import InvalidCredentials, sign_in
from core.api.schema import refuses


class LoginView(APIView):
    # A stale token in the header must not keep anybody from getting a fresh one.
    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="auth_login",
        summary="Sign in",
        description="Takes a username or an e-mail; refuses with 401 `invalid_credentials`.",
        tags=["auth"],
        request=LoginInput,
        responses=TokensOutput,
    )
    @refuses(InvalidCredentials)
    def post(self, request: Request) -> Response:
        body = LoginInput.parse(request)
        login = body["username"] if "username" in body else body["email"]
        signed_in = sign_in(request=request, login=login, password=body["password"], at=timezone.now())
        return Response(TokensOutput(signed_in).data, headers={"Cache-Control": "no-store"})


class MeView(APIView):
    @extend_schema(operation_id="auth_me", summary="One's own account", tags=["auth"], responses=MeOutput)
    def get(self, request: Request) -> Response:
        return Response(MeOutput(request.user).data)
