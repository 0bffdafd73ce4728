"""Which permissions a role was given by the code."""

from django.db import models
from django.utils import timezone

from core import rights


class RoleGrant(models.Model):
    """A permission that a group got once from the code: what an admin took away since is not given again."""

    role = models.CharField(max_length=150)
    permission = models.CharField(max_length=200, help_text="app.codename")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    database_rights = rights.READ

    class Meta:
        db_table = "role_grants"
        constraints = [models.UniqueConstraint(fields=["role", "permission"], name="role_grants_once")]

    def __str__(self) -> str:
        return f"{self.permission} of {self.role}"
