"""A chat server on loopback that speaks OpenAI's protocol and misbehaves on command."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from partystance.schema import LABELS

Action = Callable[["_Handler"], None]


def respond(status: int, body: str, **headers: str) -> Action:
    """Send any response; underscores in header names become hyphens."""

    def act(handler: "_Handler") -> None:
        data = body.encode()
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return act


def completion(content: str | None, finish_reason: str = "stop", **message: str) -> str:
    choice = {"index": 0, "finish_reason": finish_reason, "message": {"content": content, **message}}
    usage = {"prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020}
    return json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage})


def answer(label: str, holder: str = "Norland", reason: str = "because") -> Action:
    return respond(200, completion(json.dumps({"reason": reason, "label": label, "holder": holder})))


def content(text: str) -> Action:
    return respond(200, completion(text))


def drop(handler: "_Handler") -> None:
    """Close the connection without a word."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def cut_off(handler: "_Handler") -> None:
    """Promise more than is sent."""
    respond(200, completion("{}")[:40], Content_Length="500")(handler)
    drop(handler)


@dataclass
class ChatServer:
    """`behave(question, attempt)` gives the action for a question (the user's message), attempts from 1."""

    behave: Callable[[str, int], Action]
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    attempts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def act(self, handler: "_Handler", body: dict[str, Any]) -> None:
        question = body["messages"][-1]["content"]
        with self.lock:
            self.bodies.append(body)
            self.headers.append({name.lower(): value for name, value in handler.headers.items()})
            self.times.append(time.monotonic())
            self.attempts[question] += 1
            attempt = self.attempts[question]
        self.behave(question, attempt)(handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    chat: ChatServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            respond(404, "no such path")(self)
        else:
            self.chat.act(self, body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that was killed


def by_word(question: str, attempt: int) -> Action:
    """The default behaviour: the sentence names its label."""
    return answer(next(label for label in LABELS if label in question))


@contextmanager
def serve(behave: Callable[[str, int], Action] = by_word) -> Iterator[ChatServer]:
    """Run a server on a free port of loopback."""
    chat = ChatServer(behave)
    handler = type("Handler", (_Handler,), {"chat": chat})
    with _Quiet(("127.0.0.1", 0), handler) as server:
        chat.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield chat
        finally:
            server.shutdown()
            thread.join()
