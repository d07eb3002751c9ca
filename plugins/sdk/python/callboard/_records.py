"""The contract's records, for where no component is: class for class what componentize-py generates for `columns`, `types`,
`exchange` and `global`."""

from dataclasses import dataclass
from enum import Enum
from typing import Union


@dataclass
class Bytes:
    offsets: list[int]
    data: bytes


@dataclass
class FixedBytes:
    width: int
    data: bytes


@dataclass
class Lists:
    offsets: list[int]
    items: int


@dataclass
class Vectors:
    width: int
    items: int


@dataclass
class Column:
    name: str
    values: int


@dataclass
class Values_Nulls:
    pass


@dataclass
class Values_Booleans:
    value: bytes


@dataclass
class Values_Int8:
    value: bytes


@dataclass
class Values_Int16:
    value: list[int]


@dataclass
class Values_Int32:
    value: list[int]


@dataclass
class Values_Int64:
    value: list[int]


@dataclass
class Values_Uint8:
    value: bytes


@dataclass
class Values_Uint16:
    value: list[int]


@dataclass
class Values_Uint32:
    value: list[int]


@dataclass
class Values_Uint64:
    value: list[int]


@dataclass
class Values_Float32:
    value: list[float]


@dataclass
class Values_Float64:
    value: list[float]


@dataclass
class Values_Utf8:
    value: Bytes


@dataclass
class Values_Binary:
    value: Bytes


@dataclass
class Values_Fixed:
    value: FixedBytes


@dataclass
class Values_Lists:
    value: Lists


@dataclass
class Values_Vectors:
    value: Vectors


@dataclass
class Values_Structs:
    value: list[Column]


Values = Union[
    Values_Nulls, Values_Booleans, Values_Int8, Values_Int16, Values_Int32, Values_Int64, Values_Uint8, Values_Uint16,
    Values_Uint32, Values_Uint64, Values_Float32, Values_Float64, Values_Utf8, Values_Binary, Values_Fixed, Values_Lists,
    Values_Vectors, Values_Structs,
]  # fmt: skip


@dataclass
class Array:
    length: int
    validity: bytes | None
    values: Values
    logical: str | None


@dataclass
class Batch:
    rows: int
    columns: list[Column]
    arrays: list[Array]


class Fate(Enum):
    DROPPED = 0
    REJECTED = 1


@dataclass
class Removal:
    rows: list[int]
    fate: Fate
    reason: str


@dataclass
class Run:
    group: int
    rows: int


@dataclass
class Page:
    rows: Batch
    groups: list[Run]


@dataclass
class Gathering_All:
    pass


@dataclass
class Gathering_ByKey:
    value: list[list[str]]


@dataclass
class Gathering_ByEach:
    value: list[str]


class Arrangement(Enum):
    INPUT = 0
    WRITTEN = 1
