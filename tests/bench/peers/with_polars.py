"""The reference work in Polars; the digest in Python, since Polars has no function for it. usage: with_polars.py ROWS.jsonl OUT.jsonl,
files or addresses in a store, which the environment says how to reach."""
import hashlib
import sys

import polars as pl

rows, out = sys.argv[1:3]
frame = (
    pl.scan_ndjson(rows)
    .with_columns(pl.col("text").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars())
    .with_columns(n_words=pl.col("text").str.count_matches(" ", literal=True) + 1, n_chars=pl.col("text").str.len_chars())
    .unique("text", keep="first", maintain_order=True)
    .filter(pl.col("n_words") >= 20)
    .collect()
)
digests = [hashlib.sha256(text.encode()).hexdigest() for text in frame["text"]]
done = frame.with_columns(sha256=pl.Series(digests))
done.lazy().sink_ndjson(out) if out.startswith("s3://") else done.write_ndjson(out)
