"""Imports ahead what Python itself imports when it is first used: in a component that would be too late, since no files are there."""

from importlib import import_module

for name in (
    "_strptime",  # Of `datetime.strptime` and `time.strptime`.
    "encodings.ascii",
    "encodings.cp1252",
    "encodings.iso8859_15",
    "encodings.latin_1",
    "encodings.unicode_escape",
    "encodings.utf_16",
    "encodings.utf_16_be",
    "encodings.utf_16_le",
    "encodings.utf_32",
    "encodings.utf_8_sig",
):
    import_module(name)
