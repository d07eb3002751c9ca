#!/usr/bin/env python3
"""Times `minhash-dedup` and datatrove's MinHash deduplication on the same rows, in turn.

    pip install datatrove spacy orjson tokenizers 'xxhash<4'
    python3 datatrove_time.py --callboard target/release/callboard --data rows.jsonl [--use target/guests/minhash-dedup.wasm]

Both read JSON lines with a `text`, and write those that stay as JSON lines without compression. datatrove's four stages run as
its example has them (5-grams in lower case, 14 buckets of 8 hashes), each in as many processes as there are cores, over as many
files; ours compares in lower case too, in as many bands of as many places.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


def datatrove(folder, files):
    """Runs in a process of its own, so that what it imports is counted as it is for a user."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    config = MinhashConfig()
    path = lambda name: str(folder / name)
    reader = lambda: JsonlReader(path("rows"))

    def run(tasks, workers, *pipeline):
        name = type(pipeline[-1]).__name__
        executor = LocalPipelineExecutor(
            list(pipeline), tasks=tasks, workers=workers, logging_dir=path(f"logs/{name}"), skip_completed=False
        )
        executor.run()

    run(files, files, reader(), MinhashDedupSignature(path("signatures"), config=config))
    run(config.num_buckets, files, MinhashDedupBuckets(path("signatures"), path("buckets"), config=config))
    run(1, 1, MinhashDedupCluster(path("buckets"), path("remove"), config=config))
    kept = JsonlWriter(path("kept"), compression=None)
    run(files, files, reader(), MinhashDedupFilter(path("remove")), kept)


def timed(command, **options):
    begun = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stderr}")
    return time.perf_counter() - begun


def lines(*files):
    return sum(sum(1 for _ in file.open("rb")) for file in files)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--callboard", required=True)
    parser.add_argument("--use", default="minhash-dedup")
    parser.add_argument("--data", required=True)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=3)
    args = parser.parse_args()
    use = str(pathlib.Path(args.use).resolve()) if args.use.endswith(".wasm") else args.use
    binary, cores = str(pathlib.Path(args.callboard).resolve()), len(os.sched_getaffinity(0))

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "rows").mkdir()
        with open(args.data) as data:
            rows = [json.loads(line) for line, _ in zip(data, range(args.rows))]
        per_file = -(-len(rows) // cores)
        for part in range(cores):
            text = "".join(json.dumps({"text": row["text"]}) + "\n" for row in rows[part * per_file : (part + 1) * per_file])
            (folder / f"rows/{part}.jsonl").write_text(text)
        pipeline = {
            "callboard": 1,
            "name": "time",
            "inputs": {"rows": {"path": "rows/*.jsonl"}},
            "steps": [{"use": use, "config": {"lowercase": True, "bands": 14, "rows": 8}}],
            "outputs": {"out": {"path": "out.jsonl"}},
        }
        (folder / "pipeline.json").write_text(json.dumps(pipeline))

        seconds = {"minhash-dedup": [], "datatrove": []}
        for _ in range(args.times):
            ours = [binary, "run", "--quiet", "--no-resume", "--overwrite", "pipeline.json"]
            seconds["minhash-dedup"].append(timed(ours, cwd=folder))
            for left in ["signatures", "buckets", "remove", "kept", "logs"]:
                shutil.rmtree(folder / left, ignore_errors=True)
            theirs = [sys.executable, __file__, "--datatrove", str(folder), str(cores)]
            seconds["datatrove"].append(timed(theirs))
        kept = {"minhash-dedup": lines(folder / "out.jsonl"), "datatrove": lines(*(folder / "kept").iterdir())}
        print(f"{len(rows)} rows, {cores} cores, medians of {args.times}\n| | seconds | rows kept |\n|---|---|---|")
        for tool in seconds:
            print(f"| {tool} | {statistics.median(seconds[tool]):.2f} | {kept[tool]} |")
        ratios = [theirs / ours for ours, theirs in zip(seconds["minhash-dedup"], seconds["datatrove"])]
        print(f"\nminhash-dedup is faster by {statistics.median(ratios):.0f}×")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--datatrove"]:
        datatrove(pathlib.Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
