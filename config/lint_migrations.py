"""Refuses migrations that would break the site while it serves: `python -m config.lint_migrations`.

The linter's own command would make a development tool an installed app.
"""

import logging
import os
import sys

from config.embedded import provide_or_exit


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    provide_or_exit()
    import django

    django.setup()
    from django.conf import settings
    from django_migration_linter import MigrationLinter

    logging.getLogger("django_migration_linter").setLevel(logging.ERROR)
    linter = MigrationLinter(
        path=str(settings.BASE_DIR),
        analyser_string="postgresql",  # it goes by the engine's name, which is our own
        no_cache=True,
        quiet=["ok", "ignore"],
    )
    linter.lint_all_migrations()
    linter.print_summary()
    return int(linter.has_errors)


if __name__ == "__main__":
    sys.exit(main())
