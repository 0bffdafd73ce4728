"""The mark that a database holds a demonstration shop, and how much of it."""

from django.db import models
from django.db.models import Q

from core.models import Stamped
from demo.shop import Plan


class DemoShop(Stamped):
    """One row: the plan that the shop is made by, and how far the loading of it has come.

    `phases_done` grows in the transaction of each phase, so a load that was killed goes on where it was;
    `finished_at` is set when everything has been delivered and posted.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    anchor = models.DateField(help_text="The day on which the shop's story ends.")
    seed = models.BigIntegerField()
    members = models.PositiveIntegerField()
    products = models.PositiveIntegerField()
    phases_done = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "demo_shop"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="demo_shop_is_one_row")]

    def __str__(self) -> str:
        return f"demonstration shop of {self.anchor}"

    @property
    def plan(self) -> Plan:
        return Plan(self.anchor, self.seed, self.members, self.products)
