"""Reading what a caller sent."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request


class Input(serializers.Serializer[Any]):
    """The shape of a request; subclasses declare fields, views call `parse` or `parse_query`.

    Unknown members are ignored: an app newer than the server may send them.
    """

    @classmethod
    def parse(cls, request: Request) -> dict[str, Any]:
        """Read the body.

        Raises:
            ValidationError: the body is not an object, or a field is missing or wrong.
            ParseError: the body is not JSON.
        """
        body = request.data
        if not isinstance(body, Mapping):
            raise serializers.ValidationError({"body": ["Expected an object."]})
        return cls._validated(body)

    @classmethod
    def parse_query(cls, request: Request) -> dict[str, Any]:
        """Read the query string; of a repeated parameter the last counts.

        Raises:
            ValidationError: a parameter is missing or wrong.
        """
        return cls._validated(request.query_params.dict())

    @classmethod
    def _validated(cls, sent: Mapping[str, Any]) -> dict[str, Any]:
        serializer = cls(data=sent)
        serializer.is_valid(raise_exception=True)
        validated: dict[str, Any] = serializer.validated_data
        return validated
