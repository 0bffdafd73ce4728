"""Reading what a caller sent, and showing what they get.

A serializer copies all of its fields whenever it is made, which costs more than using them. So a shape that
needs no context is made once in a process; the threads share it, as none of its fields keeps anything.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request


@cache
def _made(shape: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    return shape()


def shown(shape: type[serializers.Serializer[Any]], instance: Any) -> dict[str, Any]:
    """Lay something out as a shape without context has it: `shape(instance).data`, faster."""
    laid_out: dict[str, Any] = _made(shape).to_representation(instance)
    return laid_out


def all_shown(shape: type[serializers.Serializer[Any]], instances: Iterable[Any]) -> list[dict[str, Any]]:
    """Lay each of them out, as `shown` does."""
    made = _made(shape)
    return [made.to_representation(instance) for instance in instances]


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
    def read(cls, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Read what did not come as the body of a request.

        Raises:
            ValidationError: a field is missing or wrong.
        """
        return cls._validated(sent)

    @classmethod
    def _validated(cls, sent: Mapping[str, Any]) -> dict[str, Any]:
        validated: dict[str, Any] = _made(cls).run_validation(sent)
        return validated
