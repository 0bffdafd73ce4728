"""Cursor pages: a place in a total order, so that no row is skipped or repeated however many come in."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.core.exceptions import ValidationError as FieldError
from django.db import models
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param


@dataclass(frozen=True)
class _Place:
    values: tuple[Any, ...]
    backwards: bool


class CursorPage(CursorPagination):
    """Pages of `?limit=` rows (50, at most 200) with `next` and `previous` links; a subclass sets `ordering`.

    `ordering` names columns of the model, none of them null, all ascending or all descending, the primary
    key last. It may name what the queryset computes, never null, with its field in `computed`. DRF's own
    cursors remember the first column and count its ties, up to a thousand; these remember the whole key and
    compare it as a row, which an index on `ordering` answers.
    """

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
    ordering: tuple[str, ...] = ("-created_at", "-id")
    computed: Mapping[str, models.Field[Any, Any]] = {}
    template = None

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Read one page.

        Raises:
            ValidationError: `cursor` or `limit` is not one.
        """
        self._fields = self._ordering_fields(queryset.model)
        self._here = request.build_absolute_uri()
        size = self.get_page_size(request)
        place = self._place(request)
        backwards = place is not None and place.backwards
        descending = self.ordering[0].startswith("-") != backwards

        names = [field.name for field in self._fields]
        if place is not None:
            compare = TupleLessThan if descending else TupleGreaterThan
            queryset = queryset.filter(compare(Tuple(*names), place.values))
        rows = list(queryset.order_by(*(f"-{name}" if descending else name for name in names))[: size + 1])
        more = len(rows) > size
        page = rows[:size]
        if backwards:
            page.reverse()

        self.page = page
        self.has_previous = more if backwards else place is not None
        self.has_next = place is not None if backwards else more
        return page

    def get_page_size(self, request: Request) -> int:
        """Read `limit`; more than the maximum is the maximum."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not (asked.isascii() and asked.isdigit() and len(asked) < 10 and int(asked) > 0):
            raise ValidationError({self.page_size_query_param: ["Must be a positive whole number."]})
        return min(int(asked), self.max_page_size)

    def get_next_link(self) -> str | None:
        return self._link(self.page[-1], backwards=False) if self.has_next and self.page else None

    def get_previous_link(self) -> str | None:
        return self._link(self.page[0], backwards=True) if self.has_previous and self.page else None

    def _ordering_fields(self, model: type[models.Model]) -> list[models.Field[Any, Any]]:
        if len({name.startswith("-") for name in self.ordering}) != 1:
            raise ImproperlyConfigured(f"{type(self).__name__}: all columns ascend or all descend")
        try:
            fields = [self._field(model, name.removeprefix("-")) for name in self.ordering]
        except FieldDoesNotExist as error:
            raise ImproperlyConfigured(f"{type(self).__name__}: {error}") from None
        if not fields[-1].primary_key or any(field.null for field in fields):
            raise ImproperlyConfigured(f"{type(self).__name__}: the primary key comes last and none is null")
        return fields

    def _field(self, model: type[models.Model], name: str) -> models.Field[Any, Any]:
        if name not in self.computed:
            return _column(model, name)
        field = self.computed[name].clone()
        field.set_attributes_from_name(name)
        return field

    def _place(self, request: Request) -> _Place | None:
        encoded = request.query_params.get(self.cursor_query_param)
        if encoded is None:
            return None
        try:
            backwards, *values = json.loads(urlsafe_b64decode(encoded.encode("ascii")))
            if not isinstance(backwards, bool) or len(values) != len(self._fields):
                self._refuse_cursor()
            return _Place(
                tuple(_value(field, text) for field, text in zip(self._fields, values, strict=True)),
                backwards,
            )
        except (ValueError, TypeError, RecursionError, FieldError):
            self._refuse_cursor()

    def _refuse_cursor(self) -> NoReturn:
        raise ValidationError({self.cursor_query_param: ["Not a cursor of this list."]})

    def _link(self, row: models.Model, *, backwards: bool) -> str:
        place = [backwards, *(field.value_to_string(row) for field in self._fields)]
        encoded = urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode()
        link: str = replace_query_param(self._here, self.cursor_query_param, encoded)
        return link


def _column(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    field = model._meta.get_field(name)
    if not isinstance(field, models.Field):
        raise FieldDoesNotExist(f"{name} is not a column of {model.__name__}")
    return field


def _value(field: models.Field[Any, Any], text: Any) -> Any:
    """Read one value of a cursor, and refuse what the column could not have held."""
    if not isinstance(text, str) or "\0" in text:
        raise ValueError(text)
    value = field.to_python(text)
    field.run_validators(value)
    if value is None or (isinstance(value, datetime) and value.tzinfo is None):
        raise ValueError(text)
    return value
