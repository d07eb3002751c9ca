"""Exact quantiles of a Parquet file's numbers and of the lengths of its texts, by DuckDB, as JSON. usage: quantiles_duckdb.py FILE SHARE…"""
import json
import sys

import duckdb

file, shares = sys.argv[1], [float(share) for share in sys.argv[2:]]
database = duckdb.connect()
rows = f"read_parquet('{file}')"
found = {}
for name, kind, *_ in database.execute(f"describe select * from {rows}").fetchall():
    value = f'length("{name}")' if kind == "VARCHAR" else f'"{name}"'
    found[name] = database.execute(f"select quantile_disc({value}, {shares}) from {rows}").fetchall()[0][0]
print(json.dumps(found))
