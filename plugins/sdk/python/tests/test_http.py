"""Requests: their replies played from a file, and what is no reply to work with."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from callboard import Batch, Output, Transform, http, testing, utf8

URL = "http://localhost:1/v1/chat"


@dataclass
class Ask(Transform):
    """Asks about each text."""

    reads = ["text"]
    writes = {"said": utf8}

    def process(self, batch: Batch) -> Output:
        output, said = Output(), []
        for row, outcome in enumerate(http.all(http.Request.post(URL, {"text": text}) for text in batch["text"])):
            if isinstance(outcome, http.Reply):
                said.append(outcome.json()["said"])
            elif outcome.passing:
                output.postpone(row, str(outcome))
            else:
                output.reject(row, str(outcome))
        output["said"] = said
        return output


def played(path: Path, *lines: object) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    testing.replies(path)


def line(text: str, status: int, body: object) -> dict[str, object]:
    return {"method": "POST", "url": URL, "body": {"text": text}, "reply": {"status": status, "body": body}}


def test_replies_are_played(tmp_path: Path) -> None:
    played(tmp_path / "replies.jsonl", line("a", 200, {"said": "A"}), line("b", 503, "down"), line("c", 400, "no"))
    outcome = testing.run(Ask, [{"text": text} for text in "abcd"])
    assert [row["said"] for row in outcome.rows] == ["A"]
    assert outcome.rejected == [
        (1, "the server replied 503: down"),
        (2, "the server replied 400: no"),
        (3, f'no reply is recorded for this request: POST {URL} {{"text": "d"}}'),
    ]


def test_one_request_raises_what_fails(tmp_path: Path) -> None:
    played(tmp_path / "replies.jsonl", line("a", 200, {"said": "é"}), line("b", 429, "slow"))
    assert http.post(URL, {"text": "a"}).json() == {"said": "é"}
    with pytest.raises(http.Failure) as failed:
        http.post(URL, {"text": "b"})
    assert failed.value.passing and failed.value.problem == "status"
