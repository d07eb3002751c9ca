"""What may become of a row, and of a batch."""

from collections.abc import Callable
from typing import Any

import pytest

from callboard import (
    Batch,
    InputError,
    Output,
    Result,
    Row,
    Schema,
    Shape,
    Transform,
    count,
    drop,
    http,
    int64,
    postpone,
    reject,
    testing,
    utf8,
)  # fmt: skip
from callboard.errors import StepError, TransientError
from callboard.testing import Outcome

ROWS: list[dict[str, Any]] = [{"text": "a b", "id": 1}, {"text": None, "id": 2}, {"text": "", "id": 3}]


def by_rows(row: Callable[[Row], Any], writes: Schema | None = None) -> Outcome:
    """The outcome of a step that treats each row of `ROWS` like this."""

    class Step(Transform):
        reads = ["text"]

        def row(self, given: Row) -> Result:
            made: Result = row(given)
            return made

    Step.writes = {"n": int64} if writes is None else writes
    return testing.run(Step, ROWS)


def test_records_drops_and_rejects(counting: Any) -> None:
    outcome = testing.run(counting, ROWS, config={"min": 1})
    assert outcome.rows == [{"text": "a b", "id": 1, "n": 2}]
    assert (outcome.dropped, outcome.rejected) == ([(2, "few")], [(1, "no text")])


def test_none_drops_without_a_reason() -> None:
    outcome = by_rows(lambda row: {"n": 1} if row["text"] else None)
    assert [row["id"] for row in outcome.rows] == [1]
    assert outcome.dropped == outcome.rejected == []


def test_many_records_carry_the_other_columns() -> None:
    outcome = by_rows(lambda row: ({"n": n} for n in range(2)) if row["text"] else [])
    assert outcome.rows == [{"text": "a b", "id": 1, "n": 0}, {"text": "a b", "id": 1, "n": 1}]


def test_a_generator_may_reject_its_row() -> None:
    outcome = by_rows(lambda row: iter([reject("bad")]) if row["text"] is None else iter([{"n": 0}]))
    assert (len(outcome.rows), outcome.rejected) == (2, [(1, "bad")])


def test_a_filter_returns_the_row() -> None:
    assert by_rows(lambda row: row if row["text"] else drop("empty"), {}).rows == [ROWS[0]]


def test_a_row_may_be_added_to() -> None:
    assert [row["n"] for row in by_rows(lambda row: row | {"n": 7}).rows] == [7, 7, 7]


def test_a_written_column_replaces_one_in_place() -> None:
    outcome = by_rows(lambda row: {"text": "x"}, {"text": utf8})
    assert list(outcome.rows[0].items()) == [("text", "x"), ("id", 1)]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({}, "column `n` is in `writes`, and a record has no such key"),
        ({"n": 1, "m": 2}, "a record has the key `m`, which is not in `writes`"),
        ({"n": 1, "text": "other"}, "a record changes `text`, which is not in `writes`"),
        (17, "`row` returned 17, which is no record"),
        ("abc", "`row` returned 'abc', which is no record"),
        ([{"n": 1}, 3], "`row` gave 3 among several records"),
        ([{"n": 1}, drop("x")], "`row` gave records for a row, and removed it too"),
        ({"n": None}, "column `n`, value 1 of 3: None is no int64"),
    ],
)
def test_a_wrong_result_is_told(made: Any, message: str) -> None:
    with pytest.raises(StepError) as raised:
        by_rows(lambda row: made)
    assert message in str(raised.value)


def test_an_exception_names_its_row() -> None:
    def row(row: Row) -> Result:
        return {"n": len(row["text"])}

    with pytest.raises(TypeError) as raised:
        by_rows(row)
    assert raised.value.__notes__ == ["at row 2 of 3 in the batch"]


def test_an_unread_column_is_told() -> None:
    with pytest.raises(KeyError) as raised:
        by_rows(lambda row: {"n": row["id"]})
    assert raised.value.__notes__[0] == "the step reads `text`"


def test_an_authors_own_error_is_as_it_was_raised() -> None:
    def row(row: Row) -> Result:
        raise TransientError("no answer")

    with pytest.raises(TransientError, match="^no answer$") as raised:
        by_rows(row)
    assert not hasattr(raised.value, "__notes__")


def test_a_row_that_is_postponed_is_rejected_and_given_to_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(http, "try_again", lambda: said.append("again"))

    def row(row: Row) -> Result:
        said.append(str(row["text"]))
        return reject("never") if row["text"] is None else postpone("down") if row["text"] == "" else {"n": 1}

    assert by_rows(row).rejected == [(1, "never"), (2, "down")]
    # A row that is rejected for good asks for nothing. The kit gives all rows twice.
    assert said == ["a b", "None", "", "again"] * 2


def test_a_column_that_is_not_there() -> None:
    class Step(Transform):
        reads = ["body"]

    with pytest.raises(InputError, match="^there is no column `body`$"):
        testing.run(Step, ROWS)


class ByColumns(Transform):
    """Repeats rows by their number, the last one first."""

    def declare(self, schema: Schema) -> Shape:
        return Shape(reads=["id"], writes={"again": schema["id"]}, drops=["text"])

    def process(self, batch: Batch) -> Output:
        output = Output()
        numbers = batch.numbers("id").values
        output.origins = [row for row in range(batch.rows) for _ in range(numbers[row] - 1)]
        output["again"] = [numbers[row] for row in output.origins]
        for row in range(batch.rows):
            if numbers[row] == 1:
                output.drop(row, "one")
        count("rows", batch.rows)
        return output


def test_by_columns() -> None:
    outcome = testing.run(ByColumns, ROWS)
    assert outcome.rows == [{"id": 2, "again": 2}, {"id": 3, "again": 3}, {"id": 3, "again": 3}]
    assert outcome.dropped == [(0, "one")]
    assert testing.run(ByColumns, testing.table([], {"id": int64, "text": utf8})) == Outcome()


def test_a_row_may_not_be_kept_and_removed() -> None:
    class Step(Transform):
        def process(self, batch: Batch) -> Output:
            output = Output()
            output.drop(0)
            output.origins = [0]
            return output

    with pytest.raises(AssertionError, match="row 0 is both kept and removed"):
        testing.run(Step, ROWS)


@pytest.mark.parametrize("row", [-1, 3])
def test_rows_that_are_not_there(row: int) -> None:
    class Step(Transform):
        def process(self, batch: Batch) -> Output:
            output = Output()
            output.drop(row)
            return output

    with pytest.raises(StepError, match=f"row {row} was dropped or rejected, of 3 in the batch"):
        testing.run(Step, ROWS)


def test_what_depends_on_the_batch_fails_the_test() -> None:
    class Step(Transform):
        writes = {"n": int64}

        def process(self, batch: Batch) -> Output:
            output = Output()
            output["n"] = range(batch.rows)
            return output

    with pytest.raises(AssertionError, match="something else is put out when rows come one at a time"):
        testing.run(Step, ROWS)


def test_counters() -> None:
    assert testing.run(ByColumns, ROWS).counters == {"rows": 3}
