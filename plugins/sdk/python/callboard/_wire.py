"""Between columns and the records that cross."""

from array import array as packed
from collections.abc import Iterable, Mapping
from typing import Any

from callboard._contract import columns as raw
from callboard.columns import Batch, Binary, Booleans, Column, Fixed, Lists, Nulls, Numbers, Structs, Text, Vectors
from callboard.errors import StepError
from callboard.types import Schema, Type

_NUMBERS: dict[str, Any] = {
    "int8": raw.Values_Int8,
    "int16": raw.Values_Int16,
    "int32": raw.Values_Int32,
    "int64": raw.Values_Int64,
    "uint8": raw.Values_Uint8,
    "uint16": raw.Values_Uint16,
    "uint32": raw.Values_Uint32,
    "uint64": raw.Values_Uint64,
    "float32": raw.Values_Float32,
    "float64": raw.Values_Float64,
}
_LAYOUTS = {values: layout for layout, values in _NUMBERS.items()} | {
    raw.Values_Nulls: "nulls",
    raw.Values_Booleans: "booleans",
    raw.Values_Utf8: "utf8",
    raw.Values_Binary: "binary",
    raw.Values_Fixed: "fixed",
    raw.Values_Lists: "lists",
    raw.Values_Vectors: "vectors",
    raw.Values_Structs: "structs",
}


def batch_of(crossed: raw.Batch, first: int = 0, runs: Iterable[tuple[int, int]] = ()) -> Batch:
    """A batch that the host gave, with the groups of its rows: the number of each, and how many rows."""
    columns = {column.name: _column(crossed.arrays, column.values) for column in crossed.columns}
    groups, end = [], 0
    for group, rows in runs:
        groups.append((group, range(end, end + rows)))
        end += rows
    return Batch(crossed.rows, columns, first, groups)


def schema_of(crossed: raw.Batch) -> dict[str, Type]:
    """A schema that the host gave."""
    return {column.name: _type(crossed.arrays, column.values) for column in crossed.columns}


def assemble(rows: int, columns: Mapping[str, Column]) -> raw.Batch:
    """The records of a batch."""
    arrays: list[raw.Array] = []
    named = _named(columns, arrays)
    return raw.Batch(rows, named, arrays)


def schema_record(schema: Schema) -> raw.Batch:
    """The records of a schema that a step writes."""
    for name, type in schema.items():
        if not isinstance(type, Type):
            raise StepError(f"column `{name}` in `writes` is to have a type such as `int64` or `utf8`, and has {type!r}")
    arrays: list[raw.Array] = []
    named = [raw.Column(name, _empty(type, arrays)) for name, type in schema.items()]
    return raw.Batch(0, named, arrays)


def _type(arrays: list[raw.Array], id: int) -> Type:
    array = arrays[id]
    value: Any = getattr(array.values, "value", None)
    layout = _LAYOUTS[type(array.values)]
    nullable = array.validity is not None or layout == "nulls"
    match layout:
        case "fixed":
            return Type(layout, nullable, array.logical, value.width)
        case "lists":
            return Type(layout, nullable, array.logical, item=_type(arrays, value.items))
        case "vectors":
            return Type(layout, nullable, array.logical, value.width, _type(arrays, value.items))
        case "structs":
            members = tuple((member.name, _type(arrays, member.values)) for member in value)
            return Type(layout, nullable, array.logical, members=members)
    return Type(layout, nullable, array.logical)


def _column(arrays: list[raw.Array], id: int) -> Column:
    array = arrays[id]
    length, validity, logical = array.length, array.validity, array.logical
    value: Any = getattr(array.values, "value", None)
    layout = _LAYOUTS[type(array.values)]
    plain = Type(layout, validity is not None or layout == "nulls", logical)
    match layout:
        case "nulls":
            return Nulls(plain, length)
        case "booleans":
            return Booleans(plain, length, value, validity)
        case "utf8":
            return Text(plain, value.offsets, value.data, validity)
        case "binary":
            return Binary(plain, value.offsets, value.data, validity)
        case "int8":  # Eight bits cross as `bytes`, with and without a sign.
            return Numbers(plain, packed("b", value).tolist(), validity)
        case "uint8":
            return Numbers(plain, list(value), validity)
        case "fixed":
            return Fixed(Type(layout, plain.nullable, logical, value.width), length, value.data, validity)
        case "lists":
            items = _column(arrays, value.items)
            return Lists(Type(layout, plain.nullable, logical, item=items.type), value.offsets, items, validity)
        case "vectors":
            items = _column(arrays, value.items)
            return Vectors(Type(layout, plain.nullable, logical, value.width, items.type), length, items, validity)
        case "structs":
            columns = {member.name: _column(arrays, member.values) for member in value}
            members = tuple((name, column.type) for name, column in columns.items())
            return Structs(Type(layout, plain.nullable, logical, members=members), length, columns, validity)
    return Numbers(plain, value, validity)


def _named(columns: Mapping[str, Column], arrays: list[raw.Array]) -> list[raw.Column]:
    return [raw.Column(name, _array(column, arrays)) for name, column in columns.items()]


def _add(arrays: list[raw.Array], array: raw.Array) -> int:
    arrays.append(array)
    return len(arrays) - 1


def _array(column: Column, arrays: list[raw.Array]) -> int:
    values: raw.Values
    match column:
        case Nulls():
            values = raw.Values_Nulls()
        case Booleans():
            values = raw.Values_Booleans(column.bits)
        case Text():
            values = raw.Values_Utf8(raw.Bytes(column.offsets, column.data))
        case Binary():
            values = raw.Values_Binary(raw.Bytes(column.offsets, column.data))
        case Fixed():
            values = raw.Values_Fixed(raw.FixedBytes(column.type.width, column.data))
        case Lists():
            values = raw.Values_Lists(raw.Lists(column.offsets, _array(column.items, arrays)))
        case Vectors():
            values = raw.Values_Vectors(raw.Vectors(column.type.width, _array(column.items, arrays)))
        case Structs():
            values = raw.Values_Structs(_named(column.members, arrays))
        case Numbers():
            values = _numbers(column.type.layout, column.values)
        case _:
            raise TypeError(f"{type(column).__name__} is no layout of the contract")
    return _add(arrays, raw.Array(len(column), column.validity, values, column.type.logical))


def _numbers(layout: str, values: Iterable[Any]) -> raw.Values:
    match layout:
        case "int8":
            return raw.Values_Int8(packed("b", values).tobytes())
        case "uint8":
            return raw.Values_Uint8(bytes(values))
    made: raw.Values = _NUMBERS[layout](values)
    return made


def _empty(type: Type, arrays: list[raw.Array]) -> int:
    values: raw.Values
    match type.layout:
        case "nulls":
            values = raw.Values_Nulls()
        case "booleans":
            values = raw.Values_Booleans(b"")
        case "utf8":
            values = raw.Values_Utf8(raw.Bytes([0], b""))
        case "binary":
            values = raw.Values_Binary(raw.Bytes([0], b""))
        case "fixed":
            values = raw.Values_Fixed(raw.FixedBytes(type.width, b""))
        case "lists" if type.item is not None:
            values = raw.Values_Lists(raw.Lists([0], _empty(type.item, arrays)))
        case "vectors" if type.item is not None:
            values = raw.Values_Vectors(raw.Vectors(type.width, _empty(type.item, arrays)))
        case "structs":
            values = raw.Values_Structs([raw.Column(name, _empty(member, arrays)) for name, member in type.members])
        case layout:
            values = _numbers(layout, [])
    return _add(arrays, raw.Array(0, b"" if type.nullable else None, values, type.logical))
