"""Requests that the host sends, many at once: within the step's `grant.http` and the limits of `[calls]`, repeated where a server
fails for a passing reason, and never sent again once their reply has come.

    from callboard import http

    def process(self, batch):
        output = Output()
        requests = [http.Request.post(self.url, {"messages": [{"role": "user", "content": text}]}) for text in batch["text"]]
        replies = []
        for row, outcome in enumerate(http.all(requests)):
            if isinstance(outcome, http.Reply):
                replies.append(outcome.json()["choices"][0]["message"]["content"])
            elif outcome.passing:
                output.postpone(row, str(outcome))
            else:
                output.reject(row, str(outcome))
        output["reply"] = replies
        return output

Outside a component nothing is sent: `callboard.testing.replies` plays replies from a file.
"""

import json as _json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from callboard.errors import StepError, clean

if TYPE_CHECKING:
    _host: Any
else:
    try:
        from wit_world.imports import http as _host
    except ModuleNotFoundError:
        _host = None

_SHOWN = 300


@dataclass(frozen=True)
class Request:
    """A request. A secret is not among its headers: the host adds it."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    attempt: int = 0
    """Tells apart requests that are otherwise equal, for several replies to one prompt: 0, 1, 2 …"""

    @staticmethod
    def get(url: str, headers: Mapping[str, str] | None = None) -> "Request":
        """A request to get something."""
        return Request("GET", url, dict(headers or {}))

    @staticmethod
    def post(url: str, json: Any, headers: Mapping[str, str] | None = None, attempt: int = 0) -> "Request":
        """A request to post a value as JSON."""
        body = _json.dumps(json, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        return Request("POST", url, {"content-type": "application/json", **(headers or {})}, body, attempt)

    def again(self, attempt: int) -> "Request":
        """The same as the request of another number."""
        return replace(self, attempt=attempt)


@dataclass(frozen=True)
class Reply:
    """The reply of a server, of a status of 2xx."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as a value."""
        try:
            return _json.loads(self.body)
        except ValueError as error:
            raise StepError(f"the reply is not JSON: {error}: {_shown(self.body)}") from None


class Failure(StepError):
    """Why a request has no reply to work with, after all repetitions."""

    def __init__(self, problem: str, message: str, reply: Reply | None = None) -> None:
        super().__init__(message)
        self.problem = problem
        """`refused`, `unreachable`, `timeout`, `too-large`, or `status`: the server replied with another status than 2xx."""
        self.reply = reply
        """What the server replied, if it did."""

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later: the server was not reached, was late, or said 408, 429 or 5xx."""
        if self.reply is not None:
            return self.reply.status in (408, 429) or self.reply.status >= 500
        return self.problem in ("unreachable", "timeout")


Outcome = Reply | Failure
"""What came of a request."""


def all(requests: Iterable[Request]) -> list[Outcome]:
    """Sends requests, as many at once as the limits allow. The outcomes are in the order of the requests."""
    return [_judged(outcome) for outcome in _sent(list(requests))]


def send(request: Request) -> Reply:
    """Sends one request; several are better sent together, by `all`. Raises `Failure`."""
    (outcome,) = all([request])
    if isinstance(outcome, Failure):
        raise outcome
    return outcome


def get(url: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Gets something. Raises `Failure`."""
    return send(Request.get(url, headers))


def post(url: str, json: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """Posts a value as JSON. Raises `Failure`."""
    return send(Request.post(url, json, headers))


def try_again() -> None:
    """Says that this call rejects rows for a reason that passes: `Output.postpone` does so."""
    if _host is not None:
        _host.try_again()


def _judged(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Failure) or 200 <= outcome.status < 300:
        return outcome
    return Failure("status", f"the server replied {outcome.status}: {_shown(outcome.body)}", outcome)


def _shown(body: bytes) -> str:
    text = " ".join(body[:_SHOWN].decode("utf-8", "replace").split())
    return text + ("…" if len(body) > _SHOWN else "")


def _sent(requests: list[Request]) -> list[Outcome]:
    if _host is None:
        from callboard import _replies

        return [_replies.to(request) for request in requests]
    headers = [[_host.Header(clean(name), clean(value)) for name, value in each.headers.items()] for each in requests]
    crossed = [
        _host.Request(clean(each.method), clean(each.url), named, each.body, each.attempt)
        for each, named in zip(requests, headers, strict=True)
    ]
    return [_outcome(each.value) for each in _host.send(crossed)]


def _outcome(crossed: Any) -> Outcome:
    if isinstance(crossed, _host.Reply):
        headers: dict[str, str] = {}
        for header in crossed.headers:
            headers.setdefault(header.name, header.value)
        return Reply(crossed.status, headers, bytes(crossed.body))
    return Failure(crossed.kind.name.lower().replace("_", "-"), crossed.message)
