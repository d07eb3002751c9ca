"""Bits as the contract has them, the least significant first, from and to Python's booleans, at the speed of C."""

from collections.abc import Iterable
from itertools import chain

_OF_BYTE = [tuple(bool(byte >> bit & 1) for bit in range(8)) for byte in range(256)]


def unpack(data: bytes, length: int) -> list[bool]:
    """The first `length` bits."""
    bits = list(chain.from_iterable(map(_OF_BYTE.__getitem__, data)))
    del bits[length:]
    return bits


def pack(bits: Iterable[object]) -> bytes:
    """A bit for each value: 1 where it is true."""
    digits = ["1" if bit else "0" for bit in bits]
    digits.reverse()
    return int("".join(digits) or "0", 2).to_bytes((len(digits) + 7) // 8, "little")
