"""Steps over all rows, and steps that make them."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from callboard import (
    Global,
    Input,
    InputError,
    Record,
    Rows,
    Schema,
    Shape,
    Source,
    Writer,
    _step,
    by_each,
    by_key,
    descending,
    exchange,
    float64,
    in_order,
    int64,
    list_of,
    testing,
    utf8,
)  # fmt: skip
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
    keep = testing._Call.keep

    def seen(to: testing._Call, rows: Sequence[int], columns: Any) -> None:
        calls.append(len(rows))
        keep(to, rows, columns)

    monkeypatch.setattr(testing._Call, "keep", seen)
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


class Grouped(Global):
    """For each group its number of rows, their numbers in the input, and how many the second input has."""

    gather = by_key("k").others("key").sorted_by(descending("v"))
    writes = {"k": utf8, "rows": list_of(int64), "others": int64}
    drops = ["k", "v"]

    def declare(self, *schemas: Schema) -> Shape:
        return Shape(reads=[["k"], []][: len(schemas)], drops=["k", "v"])

    def run(self, rows: Input, others: Input | None = None, *, output: Writer) -> None:
        counts = {group.number: sum(1 for _ in group) for group in others.groups()} if others else {}
        for group in rows.groups():
            members = list(group)
            numbers = [number for number, _ in members]
            places = [place for number in numbers for place in rows.positions(number, 1)]
            record = {"k": members[0][1]["k"], "rows": places, "others": counts.get(group.number, 0)}
            output.write(record, at=numbers[0])


def test_groups_are_whole_and_sorted_and_the_same_for_every_input() -> None:
    outcome = testing.run(Grouped, ROWS, [{"key": "b"}, {"key": "x"}, {"key": "b"}])
    assert outcome.rows == [
        {"k": "b", "rows": [4, 1], "others": 2},
        {"k": "c", "rows": [5, 2], "others": 0},
        {"k": "a", "rows": [6, 3, 0], "others": 0},
    ]


class Shared(Global):
    """The rows that share an item, once for each."""

    gather = by_each("tags")
    reads = ["id"]
    writes = {"ids": list_of(int64)}
    drops = ["id", "tags"]

    def run(self, rows: Input, output: Writer) -> None:
        for group in rows.groups():
            members = list(group)
            output.write({"ids": [row["id"] for _, row in members]}, at=members[0][0])


def test_a_row_is_in_a_group_for_each_item() -> None:
    tags: list[Any] = [["x", "y", "x"], None, ["y"], [], ["z", "y"]]
    outcome = testing.run(Shared, testing.table([{"id": id, "tags": items} for id, items in enumerate(tags)]))
    assert [row["ids"] for row in outcome.rows] == [[0], [0, 2, 4], [4]]


def test_all_rows_in_order() -> None:
    class Sorted(Global):
        gather = in_order(descending("v", nulls_first=True), "k")

        def run(self, rows: Input, *, output: Writer) -> None:
            output.keep(range(len(rows)))

    values = [1.5, None, float("nan"), -0.0, 0.0, None]
    rows = [{"k": key, "v": value} for key, value in zip("abdcbA", values)]
    outcome = testing.run(Sorted, testing.table(rows, {"v": float64 | None}))
    assert "".join(row["k"] for row in outcome.rows) == "Abdabc"


def test_groups_in_the_order_in_which_they_are_written() -> None:
    class Step(Global):
        gather = by_key("k").sorted_by(descending("v")).as_written()

        def run(self, rows: Input, *, output: Writer) -> None:
            for group in rows.groups():
                output.keep(number for number, _ in group)

    assert [row["v"] for row in testing.run(Step, ROWS).rows] == [6, 3, 0, 4, 1, 5, 2]


def test_what_a_group_comes_to_may_not_depend_on_other_groups() -> None:
    class Step(Global):
        gather = by_key("k")

        def run(self, rows: Input, *, output: Writer) -> None:
            output.keep(0)

    with pytest.raises(AssertionError, match="each group in a call of its own"):
        testing.run(Step, ROWS)


def test_misuse_of_groups_is_told() -> None:
    class Ungrouped(Global):
        def run(self, rows: Input, *, output: Writer) -> None:
            next(rows.groups())

    with pytest.raises(StepError, match="rows are not grouped"):
        testing.run(Ungrouped, ROWS)

    class Nowhere(Grouped):
        def run(self, rows: Input, *args: Any, output: Writer) -> None:
            output.write({"k": "a", "rows": [], "others": 0})

    with pytest.raises(StepError, match="`write\\(…, at=7\\)` names the row"):
        testing.run(Nowhere, ROWS)

    class Unknown(Global):
        gather = by_key("nothing")

    with pytest.raises(InputError, match="there is no column `nothing`"):
        testing.run(Unknown, ROWS)


class Counted(Source):
    """Numbers."""

    writes = {"n": int64}

    def rows(self, skip: int) -> Iterator[Record]:
        for number in range(skip, 2500):
            yield {"n": number}


def test_a_source_is_cut_into_pages_and_goes_on_behind_each() -> None:
    assert testing.run(Counted).rows == [{"n": number} for number in range(2500)]
    pages = list(Counted().pages(None))
    assert [len(rows) for rows, _ in pages] == [_step.PAGE, _step.PAGE, 500]
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
