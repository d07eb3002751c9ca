"""Asks a model about the prompt of each row."""

from dataclasses import dataclass

from callboard import Batch, Output, Transform, http, option, utf8


@dataclass
class Config:
    url: str = option("http://localhost:8080/v1/chat/completions", "where the model is")
    model: str = option("small", "its name")
    column: str = option("prompt", "the column of prompts", column=utf8)


class AskModel(Transform):
    """Asks a model about the prompt of each row."""

    config: Config
    writes = {"reply": utf8}

    def process(self, batch: Batch) -> Output:
        output, rows, requests, replies = Output(), [], [], []
        for row, prompt in enumerate(batch[self.config.column]):
            if prompt is None:
                output.reject(row, "no prompt")
                continue
            rows.append(row)
            requests.append(self.request(prompt))
        for row, outcome in zip(rows, http.all(requests)):
            if isinstance(outcome, http.Reply):
                replies.append(outcome.json()["choices"][0]["message"]["content"])
            elif outcome.passing:
                output.postpone(row, str(outcome))
            else:
                output.reject(row, str(outcome))
        output["reply"] = replies
        return output

    def request(self, prompt: str) -> http.Request:
        messages = [{"role": "user", "content": prompt}]
        return http.Request.post(self.config.url, {"model": self.config.model, "messages": messages, "max_tokens": 400})
