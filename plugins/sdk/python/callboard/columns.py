"""Columns of values, as they cross: lists of numbers, one `bytes` for all texts. What a step by columns is given.

A column is a sequence of Python values (`None` where there is none), made as they are asked for. What lies below is there
as well, and may be read without making values: `values`, `data` and `offsets`, `items`. What lies under a null is anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, overload

from callboard import _bits
from callboard.types import Schema, Type


class Column(Sequence[Any]):
    """A column of a batch, the items of lists, or a member of structs; of a subclass for each layout."""

    __slots__ = ("_length", "type", "validity")

    def __init__(self, type: Type, length: int, validity: bytes | None = None) -> None:
        self.type = type
        self._length = length
        self.validity = validity
        """Bits, the least significant first: 1 where there is a value. `None` where there is no null."""

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self.to_list()[index]
        row = index + self._length if index < 0 else index
        if not 0 <= row < self._length:
            raise IndexError(f"there is no value {index}: the column has {self._length}")
        return None if self.is_null(row) else self._value(row)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.to_list())

    def is_null(self, row: int) -> bool:
        """Whether there is no value."""
        return self.validity is not None and not self.validity[row >> 3] >> (row & 7) & 1

    def valid(self) -> list[bool]:
        """For each value whether it is there."""
        return [True] * self._length if self.validity is None else _bits.unpack(self.validity, self._length)

    def to_list(self) -> list[Any]:
        """All values, `None` where there is none."""
        values = self._all()
        if self.validity is None:
            return values
        return [value if there else None for value, there in zip(values, self.valid())]

    def _value(self, row: int) -> Any:
        raise NotImplementedError

    def _all(self) -> list[Any]:
        raise NotImplementedError


class Nulls(Column):
    """Nothing but nulls."""

    __slots__ = ()

    def is_null(self, row: int) -> bool:
        return True

    def valid(self) -> list[bool]:
        return [False] * self._length

    def to_list(self) -> list[Any]:
        return [None] * self._length


class Numbers(Column):
    """`int` or `float`; also dates, moments and lengths of time."""

    __slots__ = ("values",)

    def __init__(self, type: Type, values: list[Any], validity: bytes | None = None) -> None:
        super().__init__(type, len(values), validity)
        self.values = values

    def _value(self, row: int) -> Any:
        return self.values[row]

    def _all(self) -> list[Any]:
        return self.values.copy()


class Booleans(Column):
    """`bool`."""

    __slots__ = ("bits",)

    def __init__(self, type: Type, length: int, bits: bytes, validity: bytes | None = None) -> None:
        super().__init__(type, length, validity)
        self.bits = bits
        """As `validity`."""

    def _value(self, row: int) -> bool:
        return bool(self.bits[row >> 3] >> (row & 7) & 1)

    def _all(self) -> list[bool]:
        return _bits.unpack(self.bits, self._length)


class Binary(Column):
    """`bytes` of any length: value `i` is `data[offsets[i]:offsets[i + 1]]`."""

    __slots__ = ("data", "offsets")

    def __init__(self, type: Type, offsets: list[int], data: bytes, validity: bytes | None = None) -> None:
        super().__init__(type, len(offsets) - 1, validity)
        self.offsets = offsets
        self.data = data

    def bytes(self) -> list[bytes | None]:
        """All values as bytes, of texts their UTF-8."""
        data = self.data
        values: list[bytes | None] = [data[start:end] for start, end in pairwise(self.offsets)]
        if self.validity is not None:
            values = [value if there else None for value, there in zip(values, self.valid())]
        return values

    def _value(self, row: int) -> Any:
        return self.data[self.offsets[row] : self.offsets[row + 1]]

    def _all(self) -> list[Any]:
        data = self.data
        return [data[start:end] for start, end in pairwise(self.offsets)]


class Text(Binary):
    """`str`, of which `data` has the UTF-8."""

    __slots__ = ()

    def _value(self, row: int) -> str:
        return self.data[self.offsets[row] : self.offsets[row + 1]].decode()

    def _all(self) -> list[str]:
        data = self.data
        if data.isascii():  # Then a byte is a letter, and all are decoded at once.
            text = data.decode("ascii")
            return [text[start:end] for start, end in pairwise(self.offsets)]
        return [data[start:end].decode() for start, end in pairwise(self.offsets)]


class Fixed(Column):
    """`bytes`, all of the type's width; also decimal numbers."""

    __slots__ = ("data",)

    def __init__(self, type: Type, length: int, data: bytes, validity: bytes | None = None) -> None:
        super().__init__(type, length, validity)
        self.data = data

    def _value(self, row: int) -> bytes:
        width = self.type.width
        return self.data[row * width : (row + 1) * width]

    def _all(self) -> list[bytes]:
        return [self._value(row) for row in range(self._length)]


class Lists(Column):
    """Lists of any length: value `i` is `items[offsets[i]:offsets[i + 1]]`."""

    __slots__ = ("items", "offsets")

    def __init__(self, type: Type, offsets: list[int], items: Column, validity: bytes | None = None) -> None:
        super().__init__(type, len(offsets) - 1, validity)
        self.offsets = offsets
        self.items = items

    def _value(self, row: int) -> list[Any]:
        return [self.items[item] for item in range(self.offsets[row], self.offsets[row + 1])]

    def _all(self) -> list[list[Any]]:
        items = self.items.to_list()
        return [items[start:end] for start, end in pairwise(self.offsets)]


class Vectors(Column):
    """Lists, all of the type's width: value `i` is `items[i * width:(i + 1) * width]`."""

    __slots__ = ("items",)

    def __init__(self, type: Type, length: int, items: Column, validity: bytes | None = None) -> None:
        super().__init__(type, length, validity)
        self.items = items

    def _value(self, row: int) -> list[Any]:
        width = self.type.width
        return [self.items[item] for item in range(row * width, (row + 1) * width)]

    def _all(self) -> list[list[Any]]:
        items, width = self.items.to_list(), self.type.width
        return [items[row * width : (row + 1) * width] for row in range(self._length)]


class Structs(Column):
    """A `dict` for each value, of what the members have there."""

    __slots__ = ("members",)

    def __init__(self, type: Type, length: int, members: Mapping[str, Column], validity: bytes | None = None) -> None:
        super().__init__(type, length, validity)
        self.members = members

    def _value(self, row: int) -> dict[str, Any]:
        return {name: member[row] for name, member in self.members.items()}

    def _all(self) -> list[dict[str, Any]]:
        if not self.members:
            return [{} for _ in range(self._length)]
        names = list(self.members)
        return [dict(zip(names, values)) for values in zip(*(member.to_list() for member in self.members.values()))]


Row = dict[str, Any]
"""A row: the columns that the step reads, by name."""


class Batch(Mapping[str, Column]):
    """Some rows, column by column; a batch has at most a few thousand."""

    __slots__ = ("_columns", "first", "groups", "rows")

    def __init__(
        self, rows: int, columns: Mapping[str, Column], first: int = 0, groups: Sequence[tuple[int, range]] = ()
    ) -> None:
        self.rows = rows
        """How many."""
        self.first = first
        """For an input of a global step: the number of the first row, from 0."""
        self.groups = groups
        """Where rows are grouped: the number of each group, and its rows in this batch. The last may continue in the next batch,
        under the same number."""
        self._columns = columns

    def __getitem__(self, name: str) -> Column:
        try:
            return self._columns[name]
        except KeyError:
            raise KeyError(f"column `{name}` is not read; the step reads {', '.join(self._columns) or 'none'}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def schema(self) -> Schema:
        """The columns' types."""
        return {name: column.type for name, column in self._columns.items()}

    def text(self, name: str) -> Text:
        """A column of text."""
        column = self[name]
        if not isinstance(column, Text):
            raise TypeError(f"column `{name}` is no text: it is {column.type}")
        return column

    def numbers(self, name: str) -> Numbers:
        """A column of numbers."""
        column = self[name]
        if not isinstance(column, Numbers):
            raise TypeError(f"column `{name}` has no numbers: it is {column.type}")
        return column

    def to_rows(self) -> list[Row]:
        """The batch row by row."""
        names = list(self._columns)
        columns = [column.to_list() for column in self._columns.values()]
        match columns:
            case []:
                return [{} for _ in range(self.rows)]
            case [column]:
                name = names[0]
                return [{name: value} for value in column]
        return [dict(zip(names, values)) for values in zip(*columns)]
