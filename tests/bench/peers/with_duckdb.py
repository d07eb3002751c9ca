"""The reference work as one DuckDB query. usage: with_duckdb.py ROWS.jsonl OUT.jsonl, files or addresses in a store without
signatures that AWS_ENDPOINT_URL names."""
import os
import pathlib
import sys

import duckdb

rows, out = sys.argv[1:3]
database = duckdb.connect()
if rows.startswith("s3://"):
    import duckdb_ext

    found = (str(file) for folder in duckdb_ext.__path__ for file in pathlib.Path(folder).rglob("httpfs.duckdb_extension"))
    endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    database.execute(f"load '{next(found)}'")
    database.execute(f"set s3_endpoint = '{endpoint}'; set s3_use_ssl = false; set s3_url_style = 'path'")
database.execute(f"""
copy (
  select id, text, n_words, n_chars, sha256(text) as sha256
  from (select *, row_number() over (partition by text order by id) as nth
        from (select id, t as text, len(string_split(t, ' ')) as n_words, length(t) as n_chars
              from (select id, trim(regexp_replace(lower(text), '\\s+', ' ', 'g')) as t
                    from read_json('{rows}', format='newline_delimited', columns={{id: 'BIGINT', text: 'VARCHAR'}}))))
  where nth = 1 and n_words >= 20
  order by id) to '{out}' (format json)
""")
