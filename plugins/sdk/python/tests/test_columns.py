"""Every type of the contract crosses both ways, value for value."""

import math
from typing import Any

import pytest

from callboard import (
    Type,
    binary,
    boolean,
    date,
    decimal,
    fixed,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    list_of,
    map_of,
    null,
    struct,
    timestamp,
    uint8,
    uint16,
    uint32,
    uint64,
    utf8,
    vector,
)  # fmt: skip
from callboard._build import Misfit, build, written
from callboard._wire import assemble, batch_of, schema_of, schema_record
from callboard.columns import Column, Structs, Text
from callboard.errors import StepError

INTEGERS = {int8: 8, int16: 16, int32: 32, int64: 64}
CASES: list[tuple[Type, list[Any]]] = [
    (boolean, [True, False, False, True, True, True, False, True, True]),
    *((type, [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 0, -1]) for type, bits in INTEGERS.items()),
    *((type, [2**bits - 1, 0]) for type, bits in ((uint8, 8), (uint16, 16), (uint32, 32), (uint64, 64))),
    (float32, [-0.0, math.inf, -math.inf, 0.5]),
    (float64, [-0.0, math.inf, 5e-324, 0.1]),
    (utf8, ["", "abc", "x\0y"]),
    (utf8, ["é – 😀", "", "abc"]),
    (binary, [b"\xff\0", b""]),
    (fixed(3), [b"abc", b"\xff\0a"]),
    (list_of(int32), [[1, 2], [], [3]]),
    (list_of(list_of(utf8 | None)), [[["a", None], []], []]),
    (vector(float32, 2), [[1.5, -0.0], [0.0, 1.0]]),
    (struct({"a": int8, "t": utf8, "l": list_of(boolean)}), [{"a": -1, "t": "ü", "l": [True]}, {"a": 2, "t": "", "l": []}]),
    (map_of(utf8, int64 | None), [[{"key": "k", "value": 1}, {"key": "z", "value": None}], []]),
    (date, [-719162, 19782]),
    (timestamp("ns", "UTC"), [2**63 - 1]),
    (decimal(19, 4), [bytes(range(16))]),
]


def crossed(type: Type, values: list[Any]) -> Column:
    """A column as the other side has it."""
    return batch_of(assemble(len(values), {"x": build(type, values)}))["x"]


@pytest.mark.parametrize(("type", "values"), CASES, ids=lambda case: str(case)[:40])
def test_values_cross(type: Type, values: list[Any]) -> None:
    column = crossed(type, values)
    assert repr(column.to_list()) == repr(values)  # repr tells -0.0 from 0.0.
    assert repr([column[row] for row in range(-len(values), 0)]) == repr(values)
    assert column.type == type


@pytest.mark.parametrize(("type", "values"), CASES, ids=lambda case: str(case)[:40])
def test_nulls_cross(type: Type, values: list[Any]) -> None:
    holes = [None, *values, None]
    column = crossed(type | None, holes)
    assert repr(column.to_list()) == repr(holes)
    assert [column.is_null(row) for row in range(len(holes))] == [value is None for value in holes]
    assert column.valid() == [value is not None for value in holes]
    assert column.type.nullable


@pytest.mark.parametrize("type", [null, *(type for type, _ in CASES)], ids=str)
def test_schemas_cross(type: Type) -> None:
    schema = {"plain": type, "nullable": type | None}
    assert schema_of(schema_record(schema)) == schema
    assert crossed(type, []).to_list() == []


def test_nothing_but_nulls() -> None:
    assert crossed(null, [None, None]).to_list() == [None, None]


def test_a_column_can_be_written_as_it_was_read() -> None:
    column = crossed(struct({"a": utf8}) | None, [{"a": "x"}, None])
    assert isinstance(column, Structs) and isinstance(column.members["a"], Text)
    (same,) = written({"y": column.type}, {"y": column}, 2).values()
    assert same is column


@pytest.mark.parametrize(
    ("type", "value"),
    [
        (int8, 128), (uint8, -1), (int64, 2**63), (int64, "3"), (int64, 1.5), (int64, None), (float64, "1"), (boolean, 1),
        (utf8, b"x"), (utf8, 3), (utf8, "\ud800"), (binary, "x"), (fixed(2), b"abc"), (list_of(utf8), "abc"),
        (vector(int8, 2), [1]), (struct({"a": int8}), {}), (struct({"a": int8}), {"a": 1, "b": 2}), (null, 0),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(type: Type, value: Any) -> None:
    with pytest.raises(Misfit, match=" is no "):
        build(type, [value])


def test_a_misfit_names_column_and_value() -> None:
    with pytest.raises(StepError, match=r"^column `n`, value 2 of 2: 'three' is no int64$"):
        written({"n": int64}, {"n": [1, "three"]}, 2)


def test_columns_are_held_against_what_was_declared() -> None:
    with pytest.raises(StepError, match="column `m` was written, and is not in `writes`"):
        written({}, {"m": [1]}, 1)
    with pytest.raises(StepError, match="column `n` is in `writes`, and was not written"):
        written({"n": int64}, {}, 1)
    with pytest.raises(StepError, match="column `n` was written with 1 values for 2 rows"):
        written({"n": int64}, {"n": [1]}, 2)
    with pytest.raises(StepError, match="column `n` was declared int64 and written as int32"):
        written({"n": int64}, {"n": build(int32, [1])}, 1)
