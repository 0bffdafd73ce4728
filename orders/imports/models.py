"""Files that were or are being imported, their rows on the way, and what could not be used."""

from django.db import models
from django.db.models import Q

from core import rights
from core.models import Stamped

# No foreign keys' constraints on staged rows: they come by the hundred thousand, and one place writes them.


class FileKind(models.TextChoices):
    """What the rows of a file are."""

    ORDERS = "orders", "Orders"
    RETURNS = "returns", "Returns"


class ImportFile(Stamped):
    """One file, known by its content, and how far it has come.

    `shift` is added to every local time of the file. `position` is the first line of the last order or credit
    note that is stored. `documents`, `rows`, `members`, `products` and `amount` count what is usable in the
    file; `made` is how many orders or returns it brought, `pieces` how many pieces its returns took back.
    """

    kind = models.CharField(max_length=10, choices=FileKind.choices)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the file, in hex.")
    orders_file = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, related_name="returns_files", db_index=False
    )
    name = models.CharField(max_length=255)
    keep_dates = models.BooleanField(default=False)
    shift = models.DurationField()
    finished_at = models.DateTimeField(null=True)
    position = models.BigIntegerField(default=0)
    documents = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    members = models.BigIntegerField(default=0)
    products = models.BigIntegerField(default=0)
    amount = models.DecimalField(max_digits=20, decimal_places=2, default=0)
    made = models.BigIntegerField(default=0)
    pieces = models.BigIntegerField(default=0)

    class Meta:
        db_table = "order_import_files"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "digest", "orders_file"],
                nulls_distinct=False,
                name="order_import_files_once",
            ),
            models.CheckConstraint(
                condition=Q(kind=FileKind.ORDERS.value, orders_file=None)
                | Q(kind=FileKind.RETURNS.value, orders_file__isnull=False),
                name="order_import_files_returns_have_orders",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ImportRow(models.Model):
    """One usable row of a file that is not finished; `reference` is its order's or credit note's number."""

    pk = models.CompositePrimaryKey("file_id", "reference", "line")
    file = models.ForeignKey(ImportFile, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    reference = models.CharField(max_length=64)
    line = models.BigIntegerField()
    member = models.CharField(max_length=100)
    item = models.CharField(max_length=64)
    at = models.DateTimeField()
    qty = models.PositiveIntegerField()
    price = models.DecimalField(max_digits=12, decimal_places=2)
    name = models.TextField(blank=True)

    database_rights = rights.ALL | rights.ANALYZE

    class Meta:
        db_table = "order_import_rows"

    def __str__(self) -> str:
        return f"line {self.line}"


class ImportDocument(models.Model):
    """One order or credit note of a file that is not finished; `position` is its first line."""

    pk = models.CompositePrimaryKey("file_id", "position")
    file = models.ForeignKey(ImportFile, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    position = models.BigIntegerField()
    reference = models.CharField(max_length=64)
    member = models.CharField(max_length=100)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    rows = models.BigIntegerField()

    database_rights = rights.ALL | rights.ANALYZE

    class Meta:
        db_table = "order_import_documents"

    def __str__(self) -> str:
        return self.reference


class ImportReject(models.Model):
    """A row that was not used, or not in full, and why; kept, so that every run says the same."""

    pk = models.CompositePrimaryKey("file_id", "line")
    file = models.ForeignKey(ImportFile, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    line = models.BigIntegerField(help_text="1 is the header.")
    reason = models.CharField(max_length=500)

    class Meta:
        db_table = "order_import_rejects"

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"
