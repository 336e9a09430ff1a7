"""A person at Label Studio's web server: signs up and logs in by the forms, then talks as the page does."""

import json
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from typing import Any, Self

SECONDS = 120
"""How long one request may take."""


class Person:
    """One browser session, with its cookies.

    Attributes:
        email: who is signed in; empty before.
    """

    password = "correct-horse-battery"  # of a server on loopback that lives for minutes

    def __init__(self, address: str) -> None:
        self.address, self.email = address, ""
        self._cookies = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies)
        )

    @classmethod
    def sign_up(cls, address: str, email: str) -> Self:
        """Create an account by the form; Label Studio signs it in."""
        person = cls(address)
        person.get("/user/signup/")
        form = {"email": email, "password": cls.password, "csrfmiddlewaretoken": person._token()}
        person._open("POST", "/user/signup/", urllib.parse.urlencode(form).encode())
        person.email = email
        return person

    def number(self) -> int:
        """Return the number under which exports know this person."""
        return self.json("/api/current-user/whoami")["id"]

    def get(self, path: str) -> bytes:
        """Fetch a path."""
        return self._open("GET", path, None)

    def json(self, path: str) -> Any:
        """Fetch JSON."""
        return json.loads(self.get(path))

    def post(self, path: str, body: Any) -> Any:
        """Send JSON, return JSON."""
        return self.send("POST", path, body)

    def send(self, method: str, path: str, body: Any) -> Any:
        """Send JSON by a method, return JSON."""
        return json.loads(self._open(method, path, json.dumps(body).encode(), "application/json"))

    def _open(self, method: str, path: str, body: bytes | None, kind: str = "") -> bytes:
        headers = {"X-CSRFToken": self._token(), "Referer": self.address}
        headers |= {"Content-Type": kind} if kind else {}
        request = urllib.request.Request(self.address + path, body, headers, method=method)
        with self._opener.open(request, timeout=SECONDS) as response:
            return response.read()

    def _token(self) -> str:
        return next((cookie.value or "" for cookie in self._cookies if cookie.name == "csrftoken"), "")
