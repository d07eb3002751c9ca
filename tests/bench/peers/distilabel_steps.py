"""The reference work's steps for distilabel: no model, no network."""
import hashlib
import json

from distilabel.steps import GeneratorStep, GlobalStep, Step, StepInput


class Read(GeneratorStep):
    path: str

    @property
    def outputs(self):
        return ["id", "text"]

    def process(self, offset=0):
        batch = []
        with open(self.path, encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                if number < offset:
                    continue
                if len(batch) == self.batch_size:
                    yield batch, False
                    batch = []
                batch.append(json.loads(line))
        yield batch, True


class Normalise(Step):
    @property
    def inputs(self):
        return ["text"]

    @property
    def outputs(self):
        return ["text"]

    def process(self, inputs: StepInput):
        for row in inputs:
            row["text"] = " ".join(row["text"].lower().split())
        yield inputs


class Count(Step):
    @property
    def inputs(self):
        return ["text"]

    @property
    def outputs(self):
        return ["n_words", "n_chars"]

    def process(self, inputs: StepInput):
        for row in inputs:
            row["n_words"], row["n_chars"] = row["text"].count(" ") + 1, len(row["text"])
        yield inputs


class Dedup(GlobalStep):
    @property
    def inputs(self):
        return ["text"]

    def process(self, inputs: StepInput):
        seen, kept = set(), []
        for row in inputs:
            digest = hashlib.sha256(row["text"].encode()).digest()
            if digest not in seen:
                seen.add(digest)
                kept.append(row)
        yield kept


class Filter(Step):
    @property
    def inputs(self):
        return ["n_words"]

    def process(self, inputs: StepInput):
        yield [row for row in inputs if row["n_words"] >= 20]


class Digest(Step):
    @property
    def inputs(self):
        return ["text"]

    @property
    def outputs(self):
        return ["sha256"]

    def process(self, inputs: StepInput):
        for row in inputs:
            row["sha256"] = hashlib.sha256(row["text"].encode()).hexdigest()
        yield inputs
