"""Reads what Callboard wrote with readers that share no code with it, beside the rows that went in.

Usage: independent.py FOLDER. For each N.truth.arrow there, N.parquet, N.arrow, N.jsonl and N.csv are compared if they are there.
Prints what differs, and how many columns were compared by whom; fails if something differs.
"""

import csv
import json
import math
import re
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

try:
    import duckdb
except ImportError:
    duckdb = None

NANOS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
DAY = 86_400 * 10**9


def raw(of):
    """The type with plain numbers for times."""
    t = pa.types
    if t.is_timestamp(of) or t.is_duration(of) or t.is_time64(of) or t.is_date64(of):
        return pa.int64()
    if t.is_date32(of) or t.is_time32(of):
        return pa.int32()
    if t.is_struct(of):
        return pa.struct([of.field(at).with_type(raw(of.field(at).type)) for at in range(of.num_fields)])
    if t.is_map(of):
        return pa.map_(raw(of.key_type), of.item_field.with_type(raw(of.item_type)))
    if t.is_list(of):
        return pa.list_(of.value_field.with_type(raw(of.value_type)))
    if t.is_fixed_size_list(of):
        return pa.list_(of.value_field.with_type(raw(of.value_type)), of.list_size)
    return of


def plain(value, of):
    """A value that compares: times in nanoseconds, NaN as text."""
    t = pa.types
    if value is None:
        return None
    if t.is_date32(of):
        return value * DAY
    if t.is_date64(of):
        return value * 10**6
    if t.is_timestamp(of) or t.is_duration(of) or t.is_time(of):
        return value * NANOS[of.unit]
    if t.is_floating(of):
        return "nan" if math.isnan(value) else (value, math.copysign(1, value))
    if t.is_struct(of):
        return {of.field(at).name: plain(value[of.field(at).name], of.field(at).type) for at in range(of.num_fields)}
    if t.is_map(of):
        return [(plain(key, of.key_type), plain(item, of.item_type)) for key, item in value]
    if t.is_list(of) or t.is_fixed_size_list(of):
        return [plain(item, of.value_type) for item in value]
    return value


def values(column):
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    wanted = raw(column.type)
    numbers = column if wanted == column.type else column.cast(wanted)
    return [plain(value, column.type) for value in numbers.to_pylist()]


def days(year, month, day):
    """Days since 1970 of a date in any year, which Python's dates do not reach."""
    year -= month <= 2
    era, of_era = year // 400, year % 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def clock(text):
    hours, minutes, seconds = re.fullmatch(r"(\d\d):(\d\d):(\d\d(?:\.\d+)?)", text).groups()
    return (int(hours) * 3_600 + int(minutes) * 60) * 10**9 + int(Decimal(seconds) * 10**9)


def nanos(text, of):
    """What a text says as a time, in nanoseconds."""
    if pa.types.is_duration(of):
        sign, seconds = re.fullmatch(r"(-?)P(?:0D|T(\d+(?:\.\d+)?)S)", text).groups()
        return int(Decimal(seconds or 0) * 10**9) * (-1 if sign else 1)
    if pa.types.is_time(of):
        return clock(text)
    year, month, day, rest = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)(.*)", text).groups()
    date = days(int(year), int(month), int(day)) * DAY
    if not rest:
        return date
    time, sign, hours, minutes = re.fullmatch(r"T([\d:.]+)(?:Z|([+-])(\d\d):(\d\d))?", rest).groups()
    offset = (int(hours) * 60 + int(minutes)) * 60 * 10**9 if sign else 0
    return date + clock(time) - (-offset if sign == "-" else offset)


def same_text(found, value, of):
    """Whether a member of a JSON object, or a field of CSV, is the value of this type."""
    t = pa.types
    if value is None:
        return found is None
    if t.is_floating(of):
        if value == "nan" or math.isinf(value[0]):
            return found in (None, "NaN", "inf", "-inf")
        single = pa.scalar(float(found), of).as_py() if found is not None else None
        return single is not None and (single, math.copysign(1, single)) == value
    if t.is_temporal(of):
        return isinstance(found, str) and nanos(found, of) == value
    if t.is_decimal(of):
        return Decimal(str(found)) == value
    if t.is_binary(of) or t.is_fixed_size_binary(of):
        return found == value.hex()
    if t.is_struct(of):
        return set(found) == set(value) and all(same_text(found[f.name], value[f.name], f.type) for f in of)
    if t.is_map(of):
        return len(found) == len(value) and all(same_text(found[key], item, of.item_type) for key, item in value)
    if t.is_list(of) or t.is_fixed_size_list(of):
        return len(found) == len(value) and all(same_text(a, b, of.value_type) for a, b in zip(found, value))
    return found == value


def same_field(found, value, of):
    t = pa.types
    if found == "" and (value is None or value in ("", b"")):
        return True
    if value is None or found == "":
        return False
    if t.is_boolean(of):
        return found == ("true" if value else "false")
    if t.is_integer(of):
        return int(found) == value
    return same_text(found, value, of)


compared, wrong = Counter(), []
csv.field_size_limit(1 << 30)


def compare(what, names, types, expected, found):
    for name, of in zip(names, types):
        if name not in found:
            compared[f"{what}: not compared"] += 1
            continue
        for row, (a, b) in enumerate(zip(expected[name], found[name], strict=True)):
            if a != b:
                wrong.append(f"{what}, column {name} ({of}), row {row}: {b!r}, and {a!r} went in")
        compared[what] += 1


def try_values(table):
    """The columns that the reader can show."""
    shown = {}
    for name in table.column_names:
        try:
            shown[name] = values(table[name])
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError, KeyError, TypeError, ValueError):
            pass
    return shown


def main(folder):
    for truth in sorted(folder.glob("*.truth.arrow")):
        stem = truth.name.removesuffix(".truth.arrow")
        try:
            table = pa.ipc.open_file(truth).read_all()
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid, KeyError):
            compared["types that pyarrow does not know"] += 1
            continue
        expected = try_values(table)
        # Intervals are of three kinds in Arrow, of which Python has one.
        kinds = {name: str(table.schema.field(name).type) for name in table.column_names}
        names = [name for name in expected if "interval" not in kinds[name]]
        types = [table.schema.field(name).type for name in names]
        if (path := folder / f"{stem}.arrow").exists():
            compare("arrow by pyarrow", names, types, expected, try_values(pa.ipc.open_file(path).read_all()))
        if (path := folder / f"{stem}.parquet").exists():
            compare("parquet by pyarrow", names, types, expected, try_values(pa.parquet.ParquetFile(path).read()))
            if duckdb:
                read = duckdb.sql(f"select * from read_parquet('{path}')")
                # What DuckDB has a type of its own for is not the same value any more.
                known = ("INT", "BOOL", "VARCHAR", "DATE", "FLOAT", "DOUBLE")
                plain_types = [n for n, of in zip(read.columns, read.types) if str(of).lstrip("U").startswith(known)]
                kept = [(n, of) for n, of in zip(names, types) if n in plain_types and not pa.types.is_nested(of)
                        and not pa.types.is_decimal(of) and not pa.types.is_null(of)]
                try:
                    found = read.select(*[f'"{n}"' for n, _ in kept]).to_arrow_table() if kept else pa.table({})
                except duckdb.ConversionException:
                    # Its timestamps are of microseconds, whatever the file's are of.
                    compared["parquet by DuckDB: out of its range"] += 1
                    found = pa.table({})
                compare("parquet by DuckDB", [n for n, _ in kept], [of for _, of in kept], expected, try_values(found))
        if (path := folder / f"{stem}.jsonl").exists():
            rows = [json.loads(line, parse_float=Decimal) for line in path.read_text().split("\n")[:-1]]
            assert len(rows) == table.num_rows, path
            for name, of in zip(names, types):
                for row, (line, value) in enumerate(zip(rows, expected[name], strict=True)):
                    if not same_text(line[name], value, of):
                        wrong.append(f"jsonl, column {name} ({of}), row {row}: {line[name]!r}, and {value!r} went in")
                compared["jsonl by Python"] += 1
        if (path := folder / f"{stem}.csv").exists():
            with open(path, newline="") as file:
                rows = list(csv.DictReader(file))
            assert len(rows) == table.num_rows, (path, len(rows), table.num_rows)
            for name, of in zip(names, types):
                for row, (line, value) in enumerate(zip(rows, expected[name], strict=True)):
                    if not same_field(line[name], value, of):
                        wrong.append(f"csv, column {name} ({of}), row {row}: {line[name]!r}, and {value!r} went in")
                compared["csv by Python"] += 1
    for what, count in sorted(compared.items()):
        print(f"{what}: {count}")
    print("\n".join(wrong[:20]))
    sys.exit(bool(wrong))


main(Path(sys.argv[1]))
