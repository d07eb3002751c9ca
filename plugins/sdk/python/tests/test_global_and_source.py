"""Steps over all rows, and steps that make them."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from callboard import Global, Input, InputError, Record, Rows, Schema, Shape, Source, Writer, exchange, int64, step, testing, utf8
from callboard.errors import StepError

ROWS = [{"k": key, "v": number} for number, key in enumerate("abcabca")]


class Ranked(Global):
    """Keeps rows with the number of rows that have their key; reads twice."""

    reads = ["k"]
    writes = {"times": int64}

    def run(self, rows: Input, *, output: Writer) -> None:
        times: dict[str, int] = {}
        for row in rows:
            times[row["k"]] = times.get(row["k"], 0) + 1
        for number, row in enumerate(rows):
            if times[row["k"]] > 2:
                output.keep(number, {"times": times[row["k"]]})
            else:
                output.reject(number, "rare")


def test_reading_twice_and_writing() -> None:
    outcome = testing.run(Ranked, ROWS)
    assert outcome.rows == [{"k": "a", "v": 0, "times": 3}, {"k": "a", "v": 3, "times": 3}, {"k": "a", "v": 6, "times": 3}]
    assert [number for number, _ in outcome.rejected] == [1, 2, 4, 5]


def test_many_rows_cross_in_few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    keep = testing._Outcome.keep

    def seen(to: testing._Outcome, rows: Sequence[int], columns: Any) -> None:
        calls.append(len(rows))
        keep(to, rows, columns)

    monkeypatch.setattr(testing._Outcome, "keep", seen)
    outcome = testing.run(Ranked, [{"k": "x"}] * 2500)
    assert len(outcome.rows) == 2500
    assert calls == [exchange.RECORDS, exchange.RECORDS, 500] * 2  # The test runs the step twice.


class Joined(Global):
    """Rows of the first input whose key the second has, as new rows."""

    writes = {"k": utf8, "w": int64}

    def declare(self, *schemas: Schema) -> Shape:
        return Shape(reads=[["k"], ["k", "w"]], drops=["k", "v"])

    def run(self, rows: Input, others: Input, output: Writer) -> None:
        for row in rows:
            output.write({"k": row["k"], "w": other["w"]} for other in others if other["k"] == row["k"])


def test_two_inputs_and_new_rows() -> None:
    outcome = testing.run(Joined, ROWS[:3], [{"k": "c", "w": 1}, {"k": "a", "w": 2}, {"k": "c", "w": 3}])
    assert outcome.rows == [{"k": "a", "w": 2}, {"k": "c", "w": 1}, {"k": "c", "w": 3}]


def test_the_inputs_are_counted_when_the_pipeline_is_checked() -> None:
    with pytest.raises(InputError, match=r"^the step takes 2 inputs \(rows, others\), and 1 are connected$"):
        testing.run(Joined, ROWS)


class Reversed(Global):
    """Everything backwards, by number."""

    reads = ["v"]

    def run(self, rows: Input, *, output: Writer) -> None:
        order = sorted(range(len(rows)), key=lambda row: -int(rows[row]["v"]))
        assert rows[-1] == rows[len(rows) - 1] and rows[1:3] == [rows[1], rows[2]]
        with pytest.raises(IndexError, match="there is no row 7: the input has 7"):
            rows[7]
        output.keep(order)


def test_rows_by_number() -> None:
    assert testing.run(Reversed, ROWS).rows == ROWS[::-1]


def test_two_readings_side_by_side() -> None:
    class Pairs(Global):
        reads = ["v"]

        def run(self, rows: Input, *, output: Writer) -> None:
            for one in rows:
                output.keep(row for row, other in enumerate(rows) if other["v"] == one["v"])

    assert testing.run(Pairs, ROWS).rows == ROWS


@pytest.mark.parametrize("rows", [[-1], ["x"], 7])
def test_what_is_no_row_is_refused(rows: Any) -> None:
    class Step(Global):
        def run(self, given: Input, *, output: Writer) -> None:
            output.keep(rows)

    with pytest.raises(StepError, match="the first input has no row .*: its rows are numbered from 0 to 6"):
        testing.run(Step, ROWS)


class Counted(Source):
    """Numbers."""

    writes = {"n": int64}

    def rows(self, skip: int) -> Iterator[Record]:
        for number in range(skip, 2500):
            yield {"n": number}


def test_a_source_is_cut_into_pages_and_goes_on_behind_each() -> None:
    assert testing.run(Counted).rows == [{"n": number} for number in range(2500)]
    pages = list(Counted().pages(None))
    assert [len(rows) for rows, _ in pages] == [step.PAGE, step.PAGE, 500]
    assert [int.from_bytes(cursor, "little") for _, cursor in pages] == [1000, 2000, 2500]


def test_a_source_that_cannot_go_on_fails_the_test() -> None:
    class Step(Counted):
        def rows(self, skip: int) -> Iterator[Record]:
            return super().rows(0)

    with pytest.raises(AssertionError, match="other rows are made after row 1000"):
        testing.run(Step)


def test_a_cursor_of_its_own_and_columns() -> None:
    class Letters(Source):
        writes = {"letter": utf8}

        def pages(self, cursor: bytes | None) -> Iterator[tuple[Rows, bytes]]:
            for letters in ("ab", "cd", "e"):
                if cursor is None or letters.encode() > cursor:
                    yield {"letter": list(letters)}, letters.encode()

    assert [row["letter"] for row in testing.run(Letters).rows] == list("abcde")
