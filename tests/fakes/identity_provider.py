"""An identity provider on loopback: it publishes keys and signs id tokens with them."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


class IdentityProvider:
    """Serves `jwks_url`; `asked` counts how often, `answer` replaces what it says."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: tuple[int, bytes] | None = None
        self._number = 0
        self.rotate()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                status, body = provider.answer or (200, provider.published())
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.jwks_url = f"http://127.0.0.1:{self._server.server_port}/keys"

    def rotate(self) -> None:
        """Sign with a new key from now on; the old one is not published any more."""
        self._number += 1
        self.key_id = f"key-{self._number}"
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def published(self) -> bytes:
        public = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return json.dumps({"keys": [{**public, "kid": self.key_id, "use": "sig", "alg": "RS256"}]}).encode()

    def id_token(self, *, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """Sign an id token; a claim that is None is left out."""
        now = int(time.time())
        said = {
            "iss": "https://accounts.google.com",
            "aud": "app-id",
            "sub": "person-1",
            "iat": now,
            "exp": now + 600,
            "email": "thandi@example.com",
            "email_verified": True,
            "given_name": "Thandi",
            "family_name": "Nkosi",
            **claims,
        }
        return jwt.encode(
            {name: value for name, value in said.items() if value is not None},
            self.key if key is None else key,
            algorithm="RS256",
            headers={"kid": self.key_id, **(header or {})},
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
