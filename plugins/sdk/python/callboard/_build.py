"""Columns from Python values, checked: what does not fit is an error here, and never a trap on the way to the host."""

from array import array as packed
from collections.abc import Mapping, Sequence
from itertools import accumulate, chain
from typing import Any

from callboard import _bits
from callboard.columns import Binary, Booleans, Column, Fixed, Lists, Nulls, Numbers, Structs, Text, Vectors
from callboard.errors import StepError
from callboard.types import Schema, Type

_CODES = {
    "int8": "b", "int16": "h", "int32": "i", "int64": "q", "uint8": "B", "uint16": "H", "uint32": "I", "uint64": "Q",
    "float32": "f", "float64": "d",
}  # fmt: skip


class Misfit(Exception):
    """A value that does not fit its type."""

    def __init__(self, value: object, what: object) -> None:
        words = repr(value)
        self.value = value
        super().__init__(f"{words if len(words) <= 60 else words[:60] + '…'} is no {what}")


def written(schema: Schema, columns: Mapping[str, Any], rows: int) -> dict[str, Column]:
    """The columns that a step has written, checked against its declaration."""
    if unknown := [name for name in columns if name not in schema]:
        raise StepError(f"column `{unknown[0]}` was written, and is not in `writes`")
    made = {}
    for name, type in schema.items():
        if name not in columns:
            raise StepError(f"column `{name}` is in `writes`, and was not written")
        values = columns[name]
        if len(values) != rows:
            raise StepError(f"column `{name}` was written with {len(values)} values for {rows} rows")
        if isinstance(values, Column):
            if not _may_stand_for(values.type, type) and (unfit := values.type):
                raise StepError(f"column `{name}` was declared {_full(type)} and written as {_full(unfit)}")
            made[name] = values
            continue
        try:
            made[name] = build(type, values)
        except Misfit as misfit:
            places = (place for place, value in enumerate(values) if value is misfit.value)
            place = next((f", value {place + 1} of {rows}" for place in places), "")
            raise StepError(f"column `{name}`{place}: {misfit}") from None
    return made


def build(type: Type, values: Sequence[Any]) -> Column:
    """A column of these values, `None` where there is none.

    Raises `Misfit` for a value of another type.
    """
    length = len(values)
    if type.layout == "nulls":
        for value in values:
            if value is not None:
                raise Misfit(value, "null")
        return Nulls(type, length)
    validity = None
    if None in values:
        if not type.nullable:
            raise Misfit(None, f"{type}: a column that may have nulls is declared so: `… | None`")
        validity = _bits.pack([value is not None for value in values])
        blank = _blank(type)
        values = [blank if value is None else value for value in values]
    match type.layout:
        case "booleans":
            _all_are(values, {bool}, type)
            return Booleans(type, length, _bits.pack(values), validity)
        case "utf8":
            return _text(type, values, validity)
        case "binary":
            _all_are(values, {bytes, bytearray}, type)
            return Binary(type, list(accumulate(map(len, values), initial=0)), b"".join(values), validity)
        case "fixed":
            _all_are(values, {bytes, bytearray}, type)
            _all_have(values, type.width, type)
            return Fixed(type, length, b"".join(values), validity)
        case "lists" if type.item is not None:
            _all_are(values, {list, tuple}, type)
            items = build(type.item, list(chain.from_iterable(values)))
            return Lists(type, list(accumulate(map(len, values), initial=0)), items, validity)
        case "vectors" if type.item is not None:
            _all_are(values, {list, tuple}, type)
            _all_have(values, type.width, type)
            return Vectors(type, length, build(type.item, list(chain.from_iterable(values))), validity)
        case "structs":
            return Structs(type, length, _members(type, values), validity)
    return Numbers(type, _numbers(type, values), validity)


def _all_are(values: Sequence[Any], classes: set[type], type_: Type) -> None:
    if not set(map(type, values)) <= classes:
        for value in values:
            if not isinstance(value, tuple(classes)):
                raise Misfit(value, type_)


def _all_have(values: Sequence[Any], width: int, type: Type) -> None:
    for value in values:
        if len(value) != width:
            raise Misfit(value, f"{type}: it has {len(value)} items")


def _text(type: Type, values: Sequence[Any], validity: bytes | None) -> Text:
    _all_are(values, {str}, type)
    joined = "".join(values)
    if joined.isascii():  # Then a letter is a byte, and all are encoded at once.
        return Text(type, list(accumulate(map(len, values), initial=0)), joined.encode("ascii"), validity)
    try:
        encoded = [value.encode() for value in values]
    except UnicodeEncodeError as error:
        raise Misfit(error.object, "Unicode text: it has half a surrogate pair") from None
    return Text(type, list(accumulate(map(len, encoded), initial=0)), b"".join(encoded), validity)


def _numbers(type: Type, values: Sequence[Any]) -> list[Any]:
    code = _CODES[type.layout]
    try:
        return packed(code, values).tolist()
    except (TypeError, OverflowError):
        for value in values:
            try:
                packed(code, [value])
            except (TypeError, OverflowError):
                raise Misfit(value, type) from None
        raise


def _members(type: Type, values: Sequence[Any]) -> dict[str, Column]:
    names = {name for name, _ in type.members}
    for value in values:
        if not isinstance(value, Mapping) or value.keys() != names:
            raise Misfit(value, type)
    return {name: build(member, [value[name] for value in values]) for name, member in type.members}


def _blank(type: Type) -> Any:
    """What lies under a null: anything valid."""
    match type.layout:
        case "booleans":
            return False
        case "utf8":
            return ""
        case "binary":
            return b""
        case "fixed":
            return bytes(type.width)
        case "lists":
            return []
        case "vectors" if type.item is not None:
            return [None if type.item.nullable else _blank(type.item)] * type.width
        case "structs":
            return {name: None if member.nullable else _blank(member) for name, member in type.members}
    return 0


def _may_stand_for(written: Type, declared: Type) -> bool:
    """Whether values of the one may stand in a column that was declared as the other."""
    if (written.layout, written.logical, written.width) != (declared.layout, declared.logical, declared.width):
        return False
    if written.nullable and not declared.nullable:
        return False
    if written.item is not None and declared.item is not None and not _may_stand_for(written.item, declared.item):
        return False
    return [name for name, _ in written.members] == [name for name, _ in declared.members] and all(
        _may_stand_for(ours, theirs) for (_, ours), (_, theirs) in zip(written.members, declared.members)
    )


def _full(type: Type) -> str:
    return f"{type}, may be null" if type.nullable else str(type)
