#!/usr/bin/env python3
"""Holds the clusters of `minhash-dedup` against those of datasketch, and both against the exact Jaccard index.

    pip install datasketch
    python3 datasketch_clusters.py --callboard target/release/callboard

The rows are made here, the same every time: texts of 30 to 200 words, a third of which are earlier ones with some words
changed, taken out or put in, so that many pairs lie right beside the threshold. datasketch makes a MinHash of every set of
shingles and an LSH index, weighted towards recall as its documentation has it; of the pairs that it finds, those are taken whose
estimate is the threshold or more, or, in a second run, those whose sets are that similar. Clusters are compared as the pairs of
rows that they hold together. Ends with 1 if ours have a precision or recall of less than 0.95, against the exact clusters or
against datasketch's with the sets compared.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

from datasketch import MinHash, MinHashLSH

NGRAM = 5


def texts(count, seed):
    rng = random.Random(seed)
    vocabulary = [f"w{i}" for i in range(3000)]
    made = []
    while len(made) < count:
        if made and rng.random() < 1 / 3:
            words = list(rng.choice(made))
            for _ in range(rng.randint(0, 5)):
                at, word = rng.randrange(len(words)), rng.choice(vocabulary)
                rng.choice([lambda: words.__setitem__(at, word), lambda: words.insert(at, word), lambda: words.pop(at)])()
        else:
            words = [rng.choice(vocabulary) for _ in range(rng.randint(30, 200))]
        made.append(words)
    return [" ".join(words) for words in made]


def shingles(text):
    words = text.split()
    return {" ".join(words[i : i + NGRAM]) for i in range(max(1, len(words) - NGRAM + 1))}


def clusters(count, pairs):
    """The first row of each row's cluster."""
    parents = list(range(count))

    def first(row):
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    for a, b in pairs:
        a, b = first(a), first(b)
        parents[max(a, b)] = min(a, b)
    return [first(row) for row in range(count)]


def exact(sets, threshold):
    rows_of, pairs = {}, []
    for row, of_row in enumerate(sets):
        shared = {}
        for shingle in of_row:
            for other in rows_of.setdefault(shingle, []):
                shared[other] = shared.get(other, 0) + 1
            rows_of[shingle].append(row)
        pairs += [(other, row) for other, both in shared.items() if both / (len(of_row) + len(sets[other]) - both) >= threshold]
    return clusters(len(sets), pairs)


def datasketch(sets, threshold, permutations, compare_sets):
    index = MinHashLSH(threshold=threshold, num_perm=permutations, weights=(0.1, 0.9))
    hashes, pairs = [], []

    def similarity(a, b):
        return len(sets[a] & sets[b]) / len(sets[a] | sets[b]) if compare_sets else hashes[a].jaccard(hashes[b])

    for row, of_row in enumerate(sets):
        minhash = MinHash(num_perm=permutations)
        minhash.update_batch([shingle.encode() for shingle in of_row])
        hashes.append(minhash)
        pairs += [(other, row) for other in index.query(minhash) if similarity(other, row) >= threshold]
        index.insert(row, minhash)
    return clusters(len(sets), pairs)


def callboard(command, use, rows, threshold, permutations):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "rows.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in rows))
        config = {"ngram": NGRAM, "threshold": threshold, "permutations": permutations, "keep": "all", "cluster": "cluster"}
        pipeline = {
            "callboard": 1,
            "name": "clusters",
            "inputs": {"rows": {"path": "rows.jsonl"}},
            "steps": [{"use": use, "config": config}],
            "outputs": {"out": {"path": "out.jsonl"}},
        }
        (folder / "pipeline.json").write_text(json.dumps(pipeline))
        subprocess.run([command, "run", "--quiet", "--no-resume", "pipeline.json"], cwd=folder, check=True)
        return [json.loads(line)["cluster"] for line in (folder / "out.jsonl").open()]


def pairs(of_rows):
    members, found = {}, set()
    for row, cluster in enumerate(of_rows):
        before = members.setdefault(cluster, [])
        found.update((other, row) for other in before)
        before.append(row)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--callboard", required=True)
    parser.add_argument("--use", default="minhash-dedup")
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--threshold", type=float, default=0.8)
    parser.add_argument("--permutations", type=int, default=128)
    args = parser.parse_args()
    use = str(pathlib.Path(args.use).resolve()) if args.use.endswith(".wasm") else args.use

    rows = texts(args.rows, seed=5)
    sets = [shingles(text) for text in rows]
    binary = str(pathlib.Path(args.callboard).resolve())
    found = {
        "exact": pairs(exact(sets, args.threshold)),
        "datasketch, estimates": pairs(datasketch(sets, args.threshold, args.permutations, compare_sets=False)),
        "datasketch, sets": pairs(datasketch(sets, args.threshold, args.permutations, compare_sets=True)),
        "minhash-dedup": pairs(callboard(binary, use, rows, args.threshold, args.permutations)),
    }
    print(f"{args.rows} rows, threshold {args.threshold}, {args.permutations} permutations")
    print("| clusters of | against | pairs | precision | recall |\n|---|---|---|---|---|")
    good = True
    ours, *others = reversed(found)
    for one, other in [(ours, other) for other in others] + [(other, "exact") for other in others[:-1]]:
        right = len(found[one] & found[other])
        precision, recall = right / len(found[one]), right / len(found[other])
        print(f"| {one} | {other} | {len(found[one])} of {len(found[other])} | {precision:.4f} | {recall:.4f} |")
        if one == ours and other != "datasketch, estimates":
            good = good and min(precision, recall) >= 0.95
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
