"""The types of columns, and what Python values stand for them.

`int64 | None` is an `int64` that may be null; `list_of`, `vector`, `struct` and `map_of` make types of types.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Unit = Literal["s", "ms", "us", "ns"]
_LETTERS = {"s": "s", "ms": "m", "us": "u", "ns": "n"}


@dataclass(frozen=True)
class Type:
    """The type of a column, of the items of a list, or of a member of a struct."""

    layout: str
    """How values are laid out, in the contract's word: `int64`, `utf8`, `lists`, `structs` …"""
    nullable: bool = False
    """Whether there may be nulls."""
    logical: str | None = None
    """What the values stand for where the layout does not say it, in the notation of Arrow's C data interface."""
    width: int = 0
    """Of `fixed`: bytes of a value. Of `vectors`: items of a value."""
    item: "Type | None" = None
    """Of `lists` and `vectors`."""
    members: tuple[tuple[str, "Type"], ...] = ()
    """Of `structs`."""

    def __or__(self, other: None) -> "Type":
        return replace(self, nullable=True) if other is None else NotImplemented

    def fits(self, wanted: "Type") -> bool:
        """Whether a step that wants this type can work with a column of mine: nulls aside, and a wanted type that
        says nothing of what its values stand for takes any."""
        same = replace(self, nullable=False, logical=None) == replace(wanted, nullable=False, logical=None)
        return same and wanted.logical in (None, self.logical)

    def __str__(self) -> str:
        if self.logical == "+m" and self.item is not None:
            return f"map of {' to '.join(str(member) for _, member in self.item.members)}"
        if self.logical is not None:
            return f"{self.layout} ({self.logical})"
        match self.layout:
            case "utf8":
                return "text"
            case "fixed":
                return f"fixed({self.width})"
            case "lists":
                return f"list of {self.item}"
            case "vectors":
                return f"vector of {self.width} {self.item}"
            case "structs":
                return f"struct of {', '.join(f'{name}: {member}' for name, member in self.members)}"
        return self.layout


Schema = Mapping[str, Type]
"""Columns by name, in order."""

null = Type("nulls", nullable=True)
boolean = Type("booleans")
int8 = Type("int8")
int16 = Type("int16")
int32 = Type("int32")
int64 = Type("int64")
uint8 = Type("uint8")
uint16 = Type("uint16")
uint32 = Type("uint32")
uint64 = Type("uint64")
float32 = Type("float32")
float64 = Type("float64")
utf8 = Type("utf8")
binary = Type("binary")
date = Type("int32", logical="tdD")
"""Days since 1970-01-01."""


def timestamp(unit: Unit = "us", zone: str = "") -> Type:
    """A moment: an `int` of this unit since 1970-01-01."""
    return Type("int64", logical=f"ts{_LETTERS[unit]}:{zone}")


def duration(unit: Unit = "us") -> Type:
    """A length of time: an `int` of this unit."""
    return Type("int64", logical=f"tD{_LETTERS[unit]}")


def decimal(precision: int, scale: int) -> Type:
    """A decimal number of up to 38 digits, `scale` of them after the point: 16 bytes, a little-endian signed integer."""
    return Type("fixed", logical=f"d:{precision},{scale}", width=16)


def fixed(width: int) -> Type:
    """`bytes` of this length."""
    return Type("fixed", width=width)


def list_of(item: Type) -> Type:
    """A list of any length."""
    return Type("lists", item=item)


def vector(item: Type, width: int) -> Type:
    """A list of this length: an embedding, say."""
    return Type("vectors", width=width, item=item)


def struct(members: Mapping[str, Type]) -> Type:
    """A `dict` with these keys."""
    return Type("structs", members=tuple(members.items()))


def map_of(key: Type, value: Type) -> Type:
    """A list of `{"key": …, "value": …}`."""
    return Type("lists", logical="+m", item=struct({"key": key, "value": value}))
