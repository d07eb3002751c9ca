"""The reference work in one process of plain Python. usage: plain.py ROWS.jsonl OUT.jsonl"""
import hashlib
import json
import sys

rows, out = sys.argv[1:3]
seen = set()
with open(rows, encoding="utf-8") as lines, open(out, "w", encoding="utf-8") as written:
    for line in lines:
        row = json.loads(line)
        row["text"] = text = " ".join(row["text"].lower().split())
        row["n_words"], row["n_chars"] = text.count(" ") + 1, len(text)
        digest = hashlib.sha256(text.encode())
        if digest.digest() in seen:
            continue
        seen.add(digest.digest())
        if row["n_words"] >= 20:
            row["sha256"] = digest.hexdigest()
            written.write(json.dumps(row) + "\n")
