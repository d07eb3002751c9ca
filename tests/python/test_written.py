"""Functions that become steps, and those that cannot."""

from __future__ import annotations

import math
import re
import shutil
import threading
from pathlib import Path

import callboard as cb
import pyarrow as pa
import pytest

LEAST = 2
PATTERN = re.compile(r"\w+")
TABLE = pa.table({"a": [1]})


def words_of(text: str) -> list[str]:
    return PATTERN.findall(text)


def count(row: cb.Row) -> cb.Result:
    """Counts words, and drops rows of too few."""
    found = words_of(row["text"])
    if len(found) < LEAST:
        return cb.drop("few")
    return {"n": len(found), "root": math.sqrt(len(found))}


needs_componentize = pytest.mark.skipif(
    shutil.which("componentize-py", path=str(Path(__import__("sys").executable).parent)) is None,
    reason="componentize-py is not here",
)


@needs_componentize
def test_a_function_is_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = cb.transform(writes={"n": cb.int64, "root": cb.float64})(count)
    called = step.call(pa.table({"id": [1, 2, 3], "text": ["a b", "c", "d, e; f"]}))
    assert called.rows.to_pydict()["n"] == [2, 3] and called.rows["id"].to_pylist() == [1, 3]
    assert [(row.row, row.reason) for row in called.removed] == [(1, "few")]
    assert step.function({"text": "a b c"})["n"] == 3
    assert step.component.stat().st_size > 1 << 20
    # In a pipeline, and in another process.
    Path("docs.jsonl").write_text('{"text": "a b"}\n{"text": "c"}\n')
    run = (cb.read("docs.jsonl") | cb.step(step) | cb.write("out.jsonl")).run()
    assert run.report.steps["count-" + step.component.stem.partition("-")[2]].dropped == {"few": 1}


def test_what_it_uses_goes_with_it() -> None:
    source = cb.transform(writes={"n": cb.int64 | None})(count).source
    assert (
        "reads = ['text']" in source
        and "def words_of(text):" in source
        and "LEAST = 2" in source
        and "import math as math" in source
    )
    assert "nullable=True" in source
    compile(source, "step.py", "exec")


def refused(function: object, **options: object) -> cb.Unfit:
    with pytest.raises(cb.Unfit) as caught:
        cb.transform(**options)(function)  # type: ignore[call-overload]
    assert caught.value.file is not None and caught.value.line
    return caught.value


def test_what_cannot_go_into_a_sandbox_says_why() -> None:
    def of_arrow(row: cb.Row) -> cb.Result:
        return {"n": pa.scalar(row["text"])}

    def of_table(row: cb.Row) -> cb.Result:
        return {"n": TABLE.num_rows + len(row["text"])}

    def of_threads(row: cb.Row) -> cb.Result:
        return {"n": threading.active_count() + len(row["text"])}

    def of_sockets(row: cb.Row) -> cb.Result:
        import socket

        return {"n": socket.gethostname() + row["text"]}

    def whole(row: cb.Row) -> cb.Result:
        return {"n": len(row)}

    def computed(row: cb.Row) -> cb.Result:
        return {"n": row["te" + "xt"]}

    async def waits(row: cb.Row) -> cb.Result:
        return {"n": row["text"]}

    assert "compiled parts" in str(refused(of_arrow))
    assert "`TABLE` is a Table of `pyarrow`" in str(refused(of_table))
    assert "one thread" in str(refused(of_threads))
    assert "no sockets" in str(refused(of_sockets))
    assert "as a whole" in str(refused(whole)) and "reads=" in (refused(whole).help or "")
    assert "not written there" in str(refused(computed))
    assert "asynchronous" in str(refused(waits, reads=["text"]))
    assert "lambda" in str(refused(lambda row: row, reads=["text"]))
