"""How the admin's pages of tickets write times."""

from django import template

from chat_support.admin.shown import moment

register = template.Library()

register.filter("moment", moment)
