"""Asks the web server of this machine for /health, as a container's health check does: exit 0 or 1."""

import http.client
import os
import sys


def main() -> int:
    # A Host that the settings allow: they refuse others before any view is asked.
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".*") or "localhost"
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT") or "8000"), timeout=4)
    try:
        connection.request("GET", "/health", headers={"Host": host})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        connection.close()
    print(status)
    return 0 if status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
