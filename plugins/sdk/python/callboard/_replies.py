"""Replies that are played from a file, for steps that send requests: outside a component nothing is sent.

A line of the file is a request and its reply, as `callboard step test --record` writes them:
`{"method": "POST", "url": "http://…", "body": {…}, "attempt": 0, "reply": {"status": 200, "body": {…}}}`. A body that is JSON stands
there as such, and is compared as such; any other is a string.
"""

import json
from os import PathLike
from typing import Any

from callboard.http import Failure, Outcome, Reply, Request

_played: list[dict[str, Any]] = []


def play(path: str | PathLike[str]) -> None:
    """Plays the replies of a file, in place of those that were played before."""
    with open(path, encoding="utf-8") as file:
        _played[:] = [json.loads(line) for line in file if line.strip()]


def to(request: Request) -> Outcome:
    """The reply to a request."""
    body = _value(request.body)
    asked = (request.method, request.url, request.attempt, body)
    for each in _played:
        if (each["method"], each["url"], each.get("attempt", 0), each.get("body")) == asked:
            reply = each["reply"]
            said = reply.get("body")
            text = "" if said is None else said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
            return Reply(reply["status"], dict(reply.get("headers", [])), text.encode())
    return Failure("refused", f"no reply is recorded for this request: {request.method} {request.url} {json.dumps(body)}")


def _value(body: bytes) -> Any:
    if not body:
        return None
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    return value if isinstance(value, (dict, list)) else body.decode("utf-8", "replace")
