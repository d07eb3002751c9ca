"""Rows brought together as the host would do it, for tests."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cmp_to_key, partial
from typing import Any

from callboard._calls import GlobalShapeRecord
from callboard._contract import Gathering_ByEach, Gathering_ByKey
from callboard.gather import Order

Rows = Sequence[Mapping[str, Any]]
Part = list[list[tuple[int, int]]]
"""The rows of each input that a call is given: a group, and the row's number in the input."""


def calls(shape: GlobalShapeRecord, inputs: Sequence[Rows], each: bool) -> list[Part]:
    """The rows of each input, by calls: all groups in one, or each in one of its own."""
    numbers: dict[Any, int] = {}
    whole: Part = []
    for port, rows in enumerate(inputs):
        given = [
            (numbers.setdefault(key, len(numbers)), row) for row in range(len(rows)) for key in _keys(shape, port, rows[row])
        ]
        given.sort(key=cmp_to_key(partial(_order, shape.sorted[port], rows)))
        whole.append(given)
    if not each or not is_grouped(shape):
        return [whole]
    return [[[(0, row) for group, row in given if group == number] for given in whole] for number in range(len(numbers))]


def is_grouped(shape: GlobalShapeRecord) -> bool:
    return isinstance(shape.gathering, (Gathering_ByKey, Gathering_ByEach))


def _keys(shape: GlobalShapeRecord, port: int, row: Mapping[str, Any]) -> Iterator[Any]:
    """The groups that a row is in."""
    match shape.gathering:
        case Gathering_ByKey(value=names):
            yield tuple(_canonical(row.get(name)) for name in names[port])
        case Gathering_ByEach(value=columns):
            yield from dict.fromkeys(map(_canonical, row.get(columns[port]) or ()))
        case _:
            yield None


def _canonical(value: Any) -> Any:
    """Values that agree, as keys that are equal: NaNs agree, and so do both zeros."""
    match value:
        case float() if math.isnan(value):
            return "NaN", None
        case list() | tuple():
            return tuple(map(_canonical, value))
        case Mapping():
            return tuple((name, _canonical(member)) for name, member in value.items())
    return value


def _compare(orders: Sequence[Order], a: Mapping[str, Any], b: Mapping[str, Any]) -> int:
    for order in orders:
        ours, theirs = a.get(order.column), b.get(order.column)
        if ours is None or theirs is None:
            found = ((ours is None) - (theirs is None)) * (-1 if order.nulls_first else 1)
        else:
            found = _values(ours, theirs) * (-1 if order.descending else 1)
        if found:
            return found
    return 0


def _order(orders: Sequence[Order], rows: Rows, a: tuple[int, int], b: tuple[int, int]) -> int:
    return a[0] - b[0] or _compare(orders, rows[a[1]], rows[b[1]])


def _values(a: Any, b: Any) -> int:
    """NaN is larger than any number."""
    if isinstance(a, float) and isinstance(b, float) and (math.isnan(a) or math.isnan(b)):
        return math.isnan(a) - math.isnan(b)
    if isinstance(a, str):
        a, b = a.encode(), b.encode()
    return int(a > b) - int(a < b)
