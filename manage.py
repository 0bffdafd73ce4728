#!/usr/bin/env python
"""Django's commands, with PostgreSQL and Redis embedded where the environment names none."""

import os
import sys

from django.core.management import execute_from_command_line

from config.embedded import provide_or_exit


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    provide_or_exit()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
