"""Puts out what came in: every column is read and written anew, by rows or by columns."""

from dataclasses import dataclass
from typing import Literal

from callboard import (
    Batch, Binary, Booleans, Column, Fixed, Lists, Nulls, Numbers, Output, Result, Row, Schema, Shape, Structs, Text,
    Transform, Vectors, option,
)  # fmt: skip


@dataclass
class Config:
    by: Literal["rows", "columns"] = option("rows", "the way that values take")


class Mirror(Transform):
    """Puts out what came in."""

    config: Config

    def declare(self, schema: Schema) -> Shape:
        return Shape(reads=list(schema), writes=schema)

    def row(self, row: Row) -> Result:
        return row

    def process(self, batch: Batch) -> Output:
        if self.config.by == "rows":
            return super().process(batch)
        output = Output()
        for name, column in batch.items():
            output[name] = anew(column)
        return output


def anew(column: Column) -> Column:
    """The same values in a column of their own."""
    type, length, validity = column.type, len(column), column.validity
    match column:
        case Nulls():
            return Nulls(type, length)
        case Numbers(values=values):
            return Numbers(type, [value for value in values], validity)
        case Booleans(bits=bits):
            return Booleans(type, length, bits, validity)
        case Text(offsets=offsets, data=data):
            return Text(type, offsets, data, validity)
        case Binary(offsets=offsets, data=data):
            return Binary(type, offsets, data, validity)
        case Fixed(data=data):
            return Fixed(type, length, data, validity)
        case Lists(offsets=offsets, items=items):
            return Lists(type, offsets, anew(items), validity)
        case Vectors(items=items):
            return Vectors(type, length, anew(items), validity)
        case Structs(members=members):
            return Structs(type, length, {name: anew(member) for name, member in members.items()}, validity)
    raise AssertionError(f"a column of another class: {type}")
