"""Reading a model's rows by a statement written out, where building one takes longer than answering it."""

from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import JSONField, Model

Row = TypeVar("Row", bound=Model)


class Rows(Generic[Row]):
    """A model's `columns` for a SELECT of the table `alias`, and the instance that a row of them makes."""

    def __init__(self, model: type[Row], alias: str) -> None:
        fields = model._meta.concrete_fields
        self._model = model
        self._names = [field.attname for field in fields]
        # Django leaves jsonb to its fields, which are not asked here; json is read by psycopg2.
        casts = ["::json" if isinstance(field, JSONField) else "" for field in fields]
        self.columns = ", ".join(
            f"{alias}.{field.column}{cast}" for field, cast in zip(fields, casts, strict=True)
        )

    def made_of(self, row: tuple[Any, ...]) -> Row:
        """Return the instance as a queryset would; `row` begins with its columns."""
        return self._model.from_db(connection.alias, self._names, row[: len(self._names)])
