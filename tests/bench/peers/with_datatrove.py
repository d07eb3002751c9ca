"""datatrove's MinHash deduplication as its example has it, over files FOLDER/0.jsonl and on, each stage in as many processes as there are
files; what stays is in `kept`. usage: with_datatrove.py FOLDER FILES

    pip install datatrove regex spacy orjson tokenizers 'xxhash<4'
"""
import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter


def run(tasks, workers, *pipeline):
    logs = f"logs/{type(pipeline[-1]).__name__}"
    LocalPipelineExecutor(list(pipeline), tasks=tasks, workers=workers, logging_dir=logs, skip_completed=False).run()


def main(folder, files):
    config = MinhashConfig()
    run(files, files, JsonlReader(folder), MinhashDedupSignature("signatures", config=config))
    run(config.num_buckets, files, MinhashDedupBuckets("signatures", "buckets", config=config))
    run(1, 1, MinhashDedupCluster("buckets", "remove", config=config))
    kept = JsonlWriter("kept", output_filename="${rank}.jsonl", compression=None)
    run(files, files, JsonlReader(folder), MinhashDedupFilter("remove"), kept)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
