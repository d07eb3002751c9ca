"""The reference work in distilabel, nothing taken from its cache. usage: with_distilabel.py ROWS.jsonl OUT.jsonl"""
import sys

from distilabel.pipeline import Pipeline
from distilabel_steps import Count, Dedup, Digest, Filter, Normalise, Read

BATCH = 1000


def main(rows, out):
    with Pipeline(name="reference", cache_dir="cache") as pipeline:
        read = Read(name="read", path=rows, batch_size=BATCH)
        normalise = Normalise(name="normalise", input_batch_size=BATCH)
        count = Count(name="count", input_batch_size=BATCH)
        dedup = Dedup(name="dedup")
        kept = Filter(name="filter", input_batch_size=BATCH)
        digest = Digest(name="digest", input_batch_size=BATCH)
        read >> normalise >> count >> dedup >> kept >> digest
    pipeline.run(use_cache=False)["default"]["train"].to_json(out)


if __name__ == "__main__":
    main(*sys.argv[1:3])
