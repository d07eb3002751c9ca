"""Steps as functions: on rows of every library, with the checks of a pipeline."""

from __future__ import annotations

import gc
import json
import logging
import multiprocessing
import os
import pickle
import signal
import threading
from pathlib import Path
from typing import Any

import callboard as cb
import datasets
import duckdb
import pandas
import polars
import pyarrow as pa
import pytest
from conftest import GUESTS

TEXTS = ["one", "two words", "", None, "vier Wörter in UTF-8"]
WORDS = [1, 2, 0, None, 4]


@pytest.fixture(scope="module")
def stats() -> cb.Step:
    return cb.Step("text-stats")


def words(texts: list[str | None]) -> list[int | None]:
    return [None if text is None else len(text.split()) for text in texts]


def test_rows_come_back_as_they_were_given(stats: cb.Step) -> None:
    table = pa.table({"id": range(5), "text": TEXTS})
    batch = table.to_batches()[0]
    assert stats.kind == "transform"
    made = stats(table)
    assert isinstance(made, pa.Table) and made["n_words"].to_pylist() == WORDS and made["id"].to_pylist() == [0, 1, 2, 3, 4]
    assert isinstance(stats(batch), pa.RecordBatch) and stats(batch).to_pydict() == made.to_pydict()
    frame = stats(polars.DataFrame({"text": TEXTS}))
    assert isinstance(frame, polars.DataFrame) and frame["n_words"].to_list() == WORDS
    lazy = stats(polars.LazyFrame({"text": TEXTS}))
    assert isinstance(lazy, polars.LazyFrame) and lazy.collect().equals(frame)
    data = stats(pandas.DataFrame({"text": TEXTS}))
    assert isinstance(data, pandas.DataFrame) and [None if value != value else value for value in data["n_words"]] == WORDS
    assert stats({"text": TEXTS})["n_words"] == WORDS
    relation = stats(duckdb.sql("select 'a b' as text"))
    assert isinstance(relation, cb.Frame) and relation.to_arrow()["n_words"].to_pylist() == [2]
    assert polars.DataFrame(relation)["n_words"].to_list() == [2]
    assert stats(relation).to_list() == relation.to_list()


@pytest.mark.parametrize(
    "type",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())],
    ids=str,
)
def test_every_layout_of_text_is_taken(stats: cb.Step, type: pa.DataType) -> None:
    texts = pa.array(TEXTS, pa.string()).cast(type) if pa.types.is_dictionary(type) else pa.array(TEXTS, type)
    for rows in (pa.table({"text": texts}), pa.table({"text": texts}).slice(1, 3), pa.table({"text": texts}).slice(2, 0)):
        assert stats(rows)["n_words"].to_pylist() == words(rows["text"].to_pylist())


def test_columns_that_a_step_does_not_see_come_through_as_they_are(stats: cb.Step) -> None:
    rows = pa.table(
        {
            "text": ["a", "b c"],
            "list": [[1, None], None],
            "struct": [{"a": 1, "b": [b"x"]}, None],
            "when": pa.array([0, None], pa.timestamp("us", "Europe/Berlin")),
            "amount": pa.array([1, 2]).cast(pa.decimal128(38, 2)),
            "half": pa.array([1.5, None], pa.float32()),
        }
    )
    assert stats(rows).select(rows.column_names).equals(rows)


def test_a_step_that_is_called_on_another_schema_is_opened_for_it(stats: cb.Step) -> None:
    for _ in range(2):
        assert stats(pa.table({"text": ["a b"]})).num_columns < stats(pa.table({"text": ["a b"], "id": [1]})).num_columns


def test_a_global_step_takes_a_whole_table() -> None:
    dedup = cb.Step("exact-dedup", {"columns": ["text"]})
    assert dedup.kind == "global"
    called = dedup.call(pa.table({"text": ["a", "b", "a", "a"], "id": [1, 2, 3, 4]}))
    assert called.rows["id"].to_pylist() == [1, 2]
    assert [(row.row, row.rejected) for row in called.removed] == [(2, False), (3, False)]


def test_a_global_step_takes_several_inputs() -> None:
    join = cb.Step("join", {"on": ["k"]})
    left, right = pa.table({"k": [1, 2, 1]}), pa.table({"k": [1], "name": ["one"]})
    assert join(left, right).to_pydict() == {"k": [1, 1], "name": ["one", "one"]}


def test_a_source_makes_rows() -> None:
    source = cb.Step(GUESTS / "count-source.wasm", {"rows": 5000})
    assert source.kind == "source"
    assert len(source.call(limit=2500).rows) == 2500
    assert len(source()) == 5000
    with pytest.raises(TypeError, match="with none"):
        source(pa.table({"a": [1]}))


def test_a_step_that_is_a_pipeline_runs_as_one() -> None:
    dedup = cb.Step("minhash-dedup", {"threshold": 0.8})
    assert dedup.kind == "pipeline"
    text = "the quick brown fox jumps over the lazy dog and runs far away into the dark forest"
    made = dedup(pa.table({"text": [text, text, "something else entirely that has no words in common with it"]}))
    assert made.num_rows == 2


def test_a_step_that_is_a_pipeline_lists_the_rows_that_it_leaves_out(tmp_path: Path) -> None:
    rows = pa.table({"id": range(6), "text": ["A b", "c", "a  b!", "C", "d", "A, B"]})
    dedup = cb.Step("exact-dedup", {"key": {"lowercase": True, "letters_only": True}})
    called = dedup.call(rows)
    assert called.rows["id"].to_pylist() == [0, 1, 4]
    assert [(row.row, row.rejected) for row in called.removed] == [(2, False), (3, False), (5, False)]
    assert all(row.reason for row in called.removed)
    # One of one's own, which rejects rows too; and one that says nothing of what it leaves out.
    picky = f"""callboard = 1
[inputs.rows]
[[steps]]
name = "first"
use = "{GUESTS / "picky.wasm"}"
config = {{ mark = "m", reject = ["c"], drop = ["d"] }}
on_error = "reject"
[[steps]]
name = "second"
use = "text-stats"
[outputs.kept]
from = "second"
"""
    doors = '[outputs.dropped]\nfrom = "first.dropped"\n[outputs.rejected]\nfrom = "first.rejected"\n'
    for name, text, removed in [("both", picky + doors, [(1, True), (4, False)]), ("none", picky, [])]:
        (tmp_path / f"{name}.toml").write_text(text)
        called = cb.Step(f"./{name}.toml", on_error="reject").call(rows)
        assert [(row.row, row.rejected) for row in called.removed] == removed
        assert called.rows["id"].to_pylist() == [0, 2, 3, 5]
    # What would stand in the way of their numbers is said only where they are wanted.
    taken = rows.append_column("_line", pa.array([0] * 6))
    assert dedup(taken).num_rows == 3
    with pytest.raises(cb.PipelineError, match="_line"):
        dedup.call(taken)


def picky(config: dict[str, Any], **options: Any) -> cb.Step:
    return cb.Step(GUESTS / "picky.wasm", {"mark": "m", **config}, **options)


def test_rows_that_a_step_rejects_are_an_error_or_are_listed() -> None:
    rows = pa.table({"text": ["a", "bad", "b", "gone", "mute"]})
    config = {"reject": ["bad"], "drop": ["gone"], "omit": ["mute"]}
    with pytest.raises(cb.DataError) as caught:
        picky(config)(rows)
    assert (caught.value.step, caught.value.row) == ("picky", 1) and "reject" in (caught.value.help or "")
    called = picky(config, on_error="reject").call(rows)
    assert called.rows["text"].to_pylist() == ["a", "b"]
    assert [(row.row, row.rejected) for row in called.removed] == [(1, True), (3, False), (4, False)]
    assert called.removed[1].reason == "dropped" and called.removed[2].reason == ""


@pytest.mark.parametrize("misdeed", ["trap", "fail", "throw"])
def test_rows_that_a_step_fails_on_are_found(misdeed: str) -> None:
    texts = [f"row {number}" for number in range(100)]
    texts[17] = texts[60] = "bad"
    rows = pa.table({"text": texts})
    with pytest.raises(cb.DataError) as caught:
        picky({misdeed: ["bad"]})(rows)
    assert (caught.value.step, caught.value.batch) == ("picky", 1)
    step = picky({misdeed: ["bad"]}, on_error="reject")
    called = step.call(rows)
    assert called.rows["text"].to_pylist() == [text for text in texts if text != "bad"]
    assert [row.row for row in called.removed] == [17, 60] and all(row.rejected for row in called.removed)
    # A step that failed goes on with other rows.
    assert step(pa.table({"text": ["fine"]}))["mark"].to_pylist() == ["m"]


def test_limits_are_a_pipelines() -> None:
    hostile = cb.Step(GUESTS / "hostile.wasm", {"misdeed": "loop-process"}, limits={"time": "200ms"})
    with pytest.raises(cb.LimitError) as caught:
        hostile(pa.table({"text": ["a"]}))
    assert "limits.time" in (caught.value.help or "")
    with pytest.raises(cb.LimitError, match="memory"):
        cb.Step(GUESTS / "hostile.wasm", {"misdeed": "memory"}, limits={"memory": "16MiB"})(pa.table({"text": ["a"]}))
    with pytest.raises(cb.PipelineError) as wrong:
        cb.Step("text-stats", limits={"memory": "much"})
    assert wrong.value.problems and wrong.value.line is None


@pytest.mark.parametrize("misdeed", ["offsets-beyond-data", "invalid-utf8", "too-few-rows", "origins-out-of-range", "panic"])
def test_what_a_component_returns_is_checked(misdeed: str) -> None:
    hostile = cb.Step(GUESTS / "hostile.wasm", {"misdeed": misdeed})
    with pytest.raises(cb.DataError):
        hostile(pa.table({"text": ["a", "b"]}))


def test_a_step_reaches_what_it_is_granted_alone(tmp_path: Path) -> None:
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / "open").touch()
    wait = GUESTS / "wait.wasm"
    granted = cb.Step(wait, {"at": "process"}, grants={"files": ["gate"]})
    assert granted(pa.table({"text": ["a"]})).num_rows == 1
    with pytest.raises(cb.LimitError):
        cb.Step(wait, {"at": "process"}, limits={"time": "200ms"})(pa.table({"text": ["a"]}))


def test_a_configuration_that_is_wrong_names_its_key() -> None:
    with pytest.raises(cb.PipelineError) as caught:
        cb.Step("exact-dedup", {"colums": ["text"]})(pa.table({"text": ["a"]}))
    assert caught.value.step == "exact-dedup" and "colums" in str(caught.value)
    with pytest.raises(cb.PipelineError) as unknown:
        cb.Step("text-stat")
    assert "text-stats" in str(unknown.value)
    with pytest.raises(cb.PipelineError):
        cb.Step("./not-there.wasm")


def test_rows_that_no_step_can_be_given_are_refused(stats: cb.Step) -> None:
    with pytest.raises(TypeError, match="Arrow"):
        stats([1, 2, 3])
    with pytest.raises(cb.DataError, match="two columns"):
        stats(pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]))
    with pytest.raises(cb.CallboardError, match="text"):
        stats(pa.table({"id": [1]}))
    wrong = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer((0).to_bytes(4, "little") + (2).to_bytes(4, "little")), pa.py_buffer(b"\xff\xff")]
    )
    with pytest.raises(ValueError, match="Arrow"):
        stats(pa.table({"text": wrong}))


def test_a_step_is_copied_to_other_processes_and_threads(stats: cb.Step) -> None:
    rows = pa.table({"text": ["a b"]})
    assert pickle.loads(pickle.dumps(stats))(rows).equals(stats(rows))
    context = multiprocessing.get_context("fork")
    read, write = context.Pipe()
    child = context.Process(target=lambda: write.send(stats(rows)["n_words"].to_pylist()))
    child.start()
    assert read.poll(60) and read.recv() == [2]
    child.join()
    made: list[list[int]] = []
    threads = [threading.Thread(target=lambda: made.append(stats(rows)["n_words"].to_pylist())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [[2]] * 8


def test_the_lock_of_the_interpreter_is_free_while_a_step_works(tmp_path: Path) -> None:
    (tmp_path / "gate").mkdir()
    step = cb.Step(GUESTS / "wait.wasm", {"at": "process"}, grants={"files": ["gate"]}, limits={"time": "60s"})
    called = threading.Thread(target=lambda: step(pa.table({"text": ["a"]})))
    called.start()
    # With the lock taken, this thread would never come to open the gate.
    (tmp_path / "gate" / "open").touch()
    called.join(60)
    assert not called.is_alive()


@pytest.mark.parametrize(("guest", "config"), [("wait", {"at": "process"}), ("wait-global", {})], ids=["transform", "global"])
def test_ctrl_c_ends_a_call_and_the_step_is_called_again(tmp_path: Path, guest: str, config: dict[str, str]) -> None:
    (tmp_path / "gate").mkdir()
    step = cb.Step(GUESTS / f"{guest}.wasm", config, grants={"files": ["gate"]}, limits={"time": "1h"}, retries=0)
    rows = pa.table({"text": ["a"]})
    ended = threading.Event()

    def interrupt() -> None:
        # Once is enough where it comes during the call: nothing tells from outside when that begins.
        while not ended.wait(0.5):
            signal.raise_signal(signal.SIGINT)

    ringing = threading.Thread(target=interrupt)
    ringing.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            step(rows)
    finally:
        ended.set()
        ringing.join()
    (tmp_path / "gate" / "open").touch()
    assert step(rows).num_rows == 1


def test_a_handler_of_a_signal_ends_a_call_with_what_it_raises(tmp_path: Path) -> None:
    (tmp_path / "gate").mkdir()
    step = cb.Step(GUESTS / "wait.wasm", {"at": "process"}, grants={"files": ["gate"]}, limits={"time": "1h"})
    heard: list[str] = []

    def handler(*_: object) -> None:
        try:
            step(pa.table({"text": ["a"]}))
        except cb.PipelineError as error:
            heard.append(str(error))
        if len(heard) == 2:
            raise TimeoutError("of this test")

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
    try:
        with pytest.raises(TimeoutError, match="of this test"):
            step(pa.table({"text": ["a"]}))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert "a handler of a signal cannot call a step" in heard[0]


def test_handlers_run_also_during_a_call_of_many_short_ones(stats: cb.Step) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        for batches in (200, 2_000, 20_000):
            rows = cb.Frame(pa.Table.from_batches([pa.record_batch({"text": ["a"] * 1_000})] * batches))
            heard.clear()
            stats.call(rows)
            # If only the interpreter ran them, it would be once, at the end.
            if len(heard) > 2:
                break
        else:
            pytest.fail("no handler ran during a call")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_what_is_exported_outlives_its_step() -> None:
    made = cb.Step("text-stats").call(cb.Frame(pa.table({"text": ["a b", "c"]}))).rows
    frame = polars.DataFrame(made)
    del made
    gc.collect()
    assert frame["n_words"].to_list() == [2, 1]


def test_in_datasets_map(stats: cb.Step) -> None:
    data = datasets.Dataset.from_dict({"text": ["a", "b c", "d e f"] * 100})
    mapped = data.with_format("arrow").map(stats, batched=True, batch_size=64).with_format(None)
    assert mapped["n_words"][:3] == [1, 2, 3] and len(mapped) == 300
    assert data.map(stats, batched=True)["n_words"][:3] == [1, 2, 3]
    assert data.with_format("arrow").map(stats, batched=True, num_proc=2).with_format(None)["n_words"][-3:] == [1, 2, 3]


def test_in_polars_map_batches(stats: cb.Step) -> None:
    lazy = polars.LazyFrame({"text": ["a", "b c"], "id": [1, 2]})
    schema = polars.Schema(stats(lazy.collect()).schema)
    made = lazy.map_batches(stats, schema=schema).filter(polars.col("n_words") > 1).collect()
    assert made["id"].to_list() == [2]


def test_in_a_function_of_duckdb(stats: cb.Step) -> None:
    def n_words(texts: pa.ChunkedArray) -> pa.ChunkedArray:
        return stats(pa.table({"text": texts}))["n_words"].cast(pa.int64())

    connection = duckdb.connect()
    connection.create_function("n_words", n_words, ["VARCHAR"], "BIGINT", type="arrow")
    found = connection.sql("select sum(n_words(repeat('w ', (i % 3)::int))) from range(6000) t(i)").fetchall()
    assert found == [(6000,)]


def test_what_a_step_logs_goes_to_logging_also_where_it_fails(caplog: pytest.LogCaptureFixture) -> None:
    hostile = cb.Step(GUESTS / "hostile.wasm", {"misdeed": "panic"})
    with caplog.at_level(logging.DEBUG, "callboard.step"), pytest.raises(cb.DataError):
        hostile(pa.table({"text": ["a"]}))
    assert caplog.records and caplog.records[0].name == "callboard.step" and "panicked" in caplog.text


def test_what_a_step_says_moves_no_cursor() -> None:
    with pytest.raises(cb.DataError) as caught:
        picky({"reject": ["\x1b[2J"]})(pa.table({"text": ["\x1b[2J"]}))
    assert "\x1b" not in str(caught.value)


def test_a_step_describes_itself(stats: cb.Step) -> None:
    described = stats.describe()
    assert described["name"] == "text-stats" and "properties" in described["config_schema"]
    assert "text-stats" in repr(stats) and json.dumps(described)
    assert os.getcwd() == str(Path.cwd())
