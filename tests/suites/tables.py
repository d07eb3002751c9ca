"""Parquet and Arrow files: the values of each are those that pyarrow reads, or DuckDB where pyarrow cannot."""

import math

from command import broken

try:
    import pyarrow as pa
    import pyarrow.ipc as ipc
    import pyarrow.parquet as pq
except ImportError:
    pa = None
try:
    import duckdb
except ImportError:
    duckdb = None

NEEDS = None if pa else "pyarrow is not there: --python PATH names an interpreter that has it"
ARROW = {".arrow", ".arrow_file", ".stream", ".feather", ".ipc"}


def files(root):
    return sorted(path for path in root.rglob("*") if path.suffix in ARROW | {".parquet"} and path.is_file())


def peers(path, arrow, **how):
    """The table that another reader makes of a file, or none."""
    try:
        if not arrow:
            return pq.ParquetFile(path, page_checksum_verification=True, **how).read()
        with open(path, "rb") as file:
            whole = file.read(6) == b"ARROW1"
        with (ipc.open_file(path) if whole else ipc.open_stream(path)) as rows:
            return rows.read_all()
    except Exception as error:
        if duckdb is not None and not arrow:
            try:
                return duckdb.execute("from read_parquet(?)", [str(path)]).fetch_arrow_table()
            except Exception:
                pass
        return str(error).splitlines()[0] if str(error) else type(error).__name__


def plain(value):
    """A value as it compares whatever layout it had."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


def values(column, wanted=None):
    """A column's values: of the wanted type where the layouts differ, and of integers where Python has no such dates."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    if wanted is not None and column.type != wanted and "list_view" not in str(column.type):
        try:
            column = column.cast(wanted)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            pass
    if "list_view" in str(column.type):
        # pyarrow's own cast and `to_pylist` of list views give the items behind a list too.
        return [plain(column[row].as_py()) for row in range(len(column))]
    for integers in (None, pa.int64(), pa.int32()):
        try:
            return [plain(value) for value in (column if integers is None else column.cast(integers)).to_pylist()]
        except (ValueError, OverflowError, pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
    return column.to_string()


def differs(ours, theirs):
    """The first difference of two tables, or nothing."""
    if ours.num_rows != theirs.num_rows:
        return f"{ours.num_rows} rows, a peer reads {theirs.num_rows}"
    if ours.column_names != theirs.column_names:
        return f"columns {ours.column_names}, a peer reads {theirs.column_names}"
    for name in ours.column_names:
        a = values(ours[name])
        storage = ours[name].type
        if isinstance(storage, pa.BaseExtensionType):
            storage = storage.storage_type
        b = values(theirs[name], storage)
        if a != b:
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), 0)
            return f"`{name}` ({ours[name].type}, a peer's {theirs[name].type}), row {at + 1}: {str(a[at])[:80]}, a peer reads {str(b[at])[:80]}"
    return None


def fault(command, path):
    arrow = path.suffix in ARROW
    code, words = command.copied(path, "out.arrow", format="arrow" if arrow else "parquet")
    theirs = peers(path, arrow)
    if (wrong := broken(code, words)) is not None:
        return wrong
    if code != 0:
        return None if isinstance(theirs, str) else f"refused, and a peer reads it: {words}"
    with ipc.open_file(command.folder / "out.arrow") as rows:
        ours = rows.read_all()
    if isinstance(theirs, str):
        return f"read ({ours.num_rows} rows), and no peer does: {theirs}"
    found = differs(ours, theirs)
    if found is not None and not arrow:
        # An INT96 has no unit, and nanoseconds do not reach all of them.
        theirs = peers(path, arrow, coerce_int96_timestamp_unit="us")
        found = found if isinstance(theirs, str) else differs(ours, theirs)
    return found
