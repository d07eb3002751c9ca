"""Rows for the steps that bring rows together, and DuckDB's answers to the same questions.

`make FOLDER` writes `left.parquet` and `right.parquet`. `check FOLDER` reads `cases.json`, a list of a name, a query of
what Callboard wrote, and a query of DuckDB's own; it prints the first difference of each case, and fails if there is one.
"""

import json
import math
import os
import sys

import duckdb

KEYS = """
    CASE WHEN random() < 0.1 THEN NULL WHEN random() < 0.3 THEN 'often' ELSE 'k' || floor(random() * 40)::INT END AS text,
    ([NULL, 'nan'::DOUBLE, -'nan'::DOUBLE, 0.0, -0.0, 1.5, 'inf'::DOUBLE, -2.0])[1 + floor(random() * 8)::INT] AS float,
    ([NULL, [], [NULL], [1], [1, 2], [2, 1]])[1 + floor(random() * 6)::INT]::INT[] AS list,
    ([NULL, {'a': 1, 'b': 'x'}, {'a': 1, 'b': NULL}, {'a': NULL, 'b': NULL}, {'a': 2, 'b': ''}])[1 + floor(random() * 5)::INT] AS struct,
    CASE WHEN random() < 0.1 THEN NULL ELSE floor(random() * 100)::BIGINT - 50 END AS n,
    ([NULL, 'nan'::DOUBLE, 0.0, -0.0, 1.5, '-inf'::DOUBLE])[1 + floor(random() * 6)::INT] AS x,
    (floor(random() * 1000) / 100)::DECIMAL(9, 2) AS money,
    DATE '2020-01-01' + floor(random() * 500)::INT AS day
"""


def make():
    duckdb.execute("SET threads = 1")
    duckdb.execute("SELECT setseed(0.42)")
    for name, rows in (("left", 3000), ("right", 200)):
        duckdb.execute(f"COPY (SELECT i AS id, {KEYS} FROM range({rows}) t(i)) TO '{name}.parquet'")


def plain(value):
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value + 0.0
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    return value


def check():
    wrong = 0
    for name, got, wanted in json.load(open("cases.json")):
        try:
            got, wanted = plain(duckdb.sql(got).fetchall()), plain(duckdb.sql(wanted).fetchall())
        except duckdb.Error as error:
            got, wanted = [str(error)], []
        if got != wanted:
            wrong += 1
            at = next((i for i, pair in enumerate(zip(got, wanted)) if pair[0] != pair[1]), min(len(got), len(wanted)))
            print(f"{name}: {len(got)} rows, DuckDB has {len(wanted)}; row {at}: {got[at:at + 1]}, DuckDB has {wanted[at:at + 1]}")
    sys.exit(1 if wrong else 0)


os.chdir(sys.argv[2])
duckdb.sql("SET preserve_insertion_order = true")
{"make": make, "check": check}[sys.argv[1]]()
