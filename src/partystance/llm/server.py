"""A chat server that speaks OpenAI's protocol, asked until it answers or there is no point in asking again.

Transport is httpx2 and the retries are tenacity's: together 3 MB, with delays that tests can shorten. (The
`openai` package is 30 MB on top of the same httpx2, and gives up where a server asks for over two minutes.)
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
from pydantic import BaseModel, Field, ValidationError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from partystance.errors import PartystanceError
from partystance.llm.cache import Reply
from partystance.llm.questions import read_answer

JUNK_ATTEMPTS = 3
"""How often one question may be answered with junk: each time costs, and helps less."""

_TRANSIENT = {408, 409, 425, 429}
"""Beside 5xx, statuses that another attempt may change."""

_HOPELESS = {401, 403, 404, 405}
"""Statuses that every other request would get, too."""

_HINTS = {
    "response_format": "if it has no JSON schemas, try --answer-format json_object",
    "json_schema": "if it has no JSON schemas, try --answer-format json_object",
    "temperature": "if it takes no temperature of 0, try --temperature 1",
    "max_completion_tokens": "if it knows no such limit, try --max-tokens 0",
}
"""What may help, by a word in a server's refusal."""


class Unanswered(Exception):
    """One question got no usable answer; the message says why. Other questions may fare better."""


class _Transient(Exception):
    """An attempt failed in a way that the next may not; `retry_after`: seconds the server asks for."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Patience:
    """How much is borne from a server. Times are seconds.

    The wait before attempt n is `first_wait * 2 ** (n - 2)` and up to `first_wait` of jitter, at most
    `longest_wait`, or what the server asks for in Retry-After if that is longer. A server that asks for more
    than `longest_request` ends the run.
    """

    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_request: float = 600.0
    timeout: float = 180.0


DEFAULT_PATIENCE = Patience()


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Completion(BaseModel):
    """What is read of a chat completion; servers add much else."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


class ChatServer:
    """Asks one server; made by `connect`. Adds up `prompt_tokens` and `completion_tokens`, junk included."""

    def __init__(self, client: httpx2.AsyncClient, api_key: str, patience: Patience) -> None:
        self._client, self._api_key, self._patience = client, api_key, patience
        self._backoff = wait_exponential_jitter(
            patience.first_wait, patience.longest_wait, jitter=patience.first_wait
        )
        self._closed_until = 0.0  # on the monotonic clock: a rate limit holds for every request
        self.prompt_tokens = self.completion_tokens = 0

    async def ask(self, body: Mapping[str, Any]) -> Reply:
        """Return the first reply that holds an answer.

        Raises:
            Unanswered: the server refused the question, failed `Patience.attempts` times or answered
                `JUNK_ATTEMPTS` times with junk.
            PartystanceError: no question will be answered: wrong key, address or model, or a long rate limit.
        """
        for attempt in range(1, JUNK_ATTEMPTS + 1):
            reply = await self._reply(body)
            try:
                read_answer(reply.content)
            except ValueError as error:
                if attempt == JUNK_ATTEMPTS:
                    raise Unanswered(f"junk {attempt} times: {_problem(error)}") from None
            else:
                return reply
        raise AssertionError("the last attempt returns or raises")

    async def _reply(self, body: Mapping[str, Any]) -> Reply:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Transient),
            stop=stop_after_attempt(self._patience.attempts),
            wait=self._wait,
            reraise=True,
        )
        try:
            choice, usage = await retrying(self._attempt, json.dumps(body).encode())
        except _Transient as error:
            raise Unanswered(f"{error}, {self._patience.attempts} times") from None
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        if choice.message.content is None:
            raise Unanswered(f"the model refused: {choice.message.refusal or 'no content'}")
        if choice.finish_reason == "length":
            raise Unanswered("the answer was cut off by the limit of tokens; raise --max-tokens")
        return Reply(choice.message.content, usage.prompt_tokens, usage.completion_tokens)

    async def _attempt(self, body: bytes) -> tuple[_Choice, _Usage]:
        while (pause := self._closed_until - time.monotonic()) > 0:
            await asyncio.sleep(pause)
        try:
            response = await self._client.post("chat/completions", content=body)
        except httpx2.RequestError as error:
            raise _Transient(f"{type(error).__name__} {error}".strip()) from None
        if response.status_code != httpx2.codes.OK:
            raise self._failure(response)
        try:
            completion = _Completion.model_validate_json(response.content)
        except ValidationError as error:
            raise _Transient(f"not a chat completion: {_problem(error)}") from None
        return completion.choices[0], completion.usage or _Usage()

    def _failure(self, response: httpx2.Response) -> Exception:
        said = f"HTTP {response.status_code} {self._said(response)}"
        if response.status_code in _TRANSIENT or response.is_server_error:
            asked = _retry_after(response)
            if asked > self._patience.longest_request:
                return PartystanceError(f"{said}: the server asks to come back in {asked:.0f} s; do so")
            self._closed_until = max(self._closed_until, time.monotonic() + asked)
            return _Transient(said, asked)
        if response.status_code in _HOPELESS:
            return PartystanceError(f"{response.url}: {said}; check --base-url, --model and OPENAI_API_KEY")
        hints = [hint for word, hint in _HINTS.items() if word in said]
        return Unanswered("; ".join([said, *hints[:1]]))

    def _said(self, response: httpx2.Response) -> str:
        """The server's own words in one line, without the key, which some servers repeat."""
        text = " ".join(response.text.split())
        return (text.replace(self._api_key, "[key]") if self._api_key else text)[:300]

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, _Transient) else 0.0
        return max(asked, self._backoff(state))


def _problem(error: ValueError) -> str:
    """The first thing wrong, in one line."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place + ': ' if place else ''}{first['msg']} (got {str(first['input'])[:80]!r})"


def _retry_after(response: httpx2.Response) -> float:
    """Seconds of a Retry-After header: a number or a date (RFC 9110, 10.2.3); 0 where there is none."""
    value = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0


def checked_url(base_url: str) -> str:
    """Return a base URL without a slash at its end.

    Raises:
        PartystanceError: it is no http(s) address, or holds what may be a secret.
    """
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL:
        url = httpx2.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise PartystanceError(f"--base-url {base_url!r}: write it like https://api.openai.com/v1")
    if url.userinfo or url.query or url.fragment:
        raise PartystanceError(
            "--base-url: no user, password or query in it; the key goes into OPENAI_API_KEY"
        )
    return base_url.rstrip("/")


def checked_key(api_key: str) -> str:
    """Return an API key without white space around it. Raises `PartystanceError` if no header can hold it."""
    key = api_key.strip()
    if not (key.isascii() and (key.isprintable() or not key)):
        raise PartystanceError("OPENAI_API_KEY holds characters that no API key has; set it again")
    return key


@asynccontextmanager
async def connect(base_url: str, api_key: str, patience: Patience) -> AsyncIterator[ChatServer]:
    """Open a connection pool to a server; an empty key sends none."""
    headers = {"content-type": "application/json"} | (
        {"authorization": f"Bearer {api_key}"} if api_key else {}
    )
    async with httpx2.AsyncClient(base_url=base_url, headers=headers, timeout=patience.timeout) as client:
        yield ChatServer(client, api_key, patience)
