"""Write a step of a Callboard pipeline.

    from dataclasses import dataclass
    from callboard import Row, Transform, drop, int64, option, reject, utf8

A step is a class: `Transform` (rows one by one, or batches of columns), `Global` (all rows) or `Source` (makes rows). It says what it
`reads`, `writes` and `drops`, and is configured by a dataclass. `callboard.testing` runs it without the host.
"""

from callboard import http
from callboard.columns import (
    Batch, Binary, Booleans, Column, Fixed, Lists, Nulls, Numbers, Row, Structs, Text, Vectors,
)  # fmt: skip
from callboard.config import option
from callboard.errors import ConfigError, InputError, StepError, TransientError
from callboard.exchange import Group, Input, Writer
from callboard.gather import Gather, Order, ascending, by_each, by_key, descending, in_order
from callboard.log import count
from callboard.output import Output
from callboard.rows import Record, Removed, Result, drop, postpone, reject
from callboard._step import Global, Rows, Shape, Source, Transform
from callboard.types import (
    Schema, Type, binary, boolean, date, decimal, duration, fixed, float32, float64, int8, int16, int32, int64, list_of,
    map_of, null, struct, timestamp, uint8, uint16, uint32, uint64, utf8, vector,
)  # fmt: skip

__all__ = [
    "Batch", "Binary", "Booleans", "Column", "ConfigError", "Fixed", "Gather", "Global", "Group", "Input", "InputError",
    "Lists", "Nulls", "Numbers", "Order", "Output", "Record", "Removed", "Result", "Row", "Rows", "Schema", "Shape", "Source",
    "StepError", "Structs", "Text", "Transform", "TransientError", "Type", "Vectors", "Writer", "ascending", "binary",
    "boolean", "by_each", "by_key", "count", "date", "decimal", "descending", "drop", "duration", "fixed", "float32",
    "float64", "http", "in_order", "int8", "int16", "int32", "int64", "list_of", "map_of", "null", "option", "postpone", "reject", "struct", "timestamp", "uint8", "uint16", "uint32", "uint64", "utf8", "vector",
]  # fmt: skip
