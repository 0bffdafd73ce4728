"""How the admin's pages of campaigns write numbers and times."""

from django import template

from core import shown

register = template.Library()

register.filter("moment", shown.moment)
register.filter("number", "{:,}".format)
