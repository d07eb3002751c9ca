from callboard import testing

from step import AskModel


def test_replies_are_taken_and_what_fails_is_rejected():
    testing.replies("replies.jsonl")
    prompts = ["Name the capital of France in one word.", None, "Tell me a secret."]
    outcome = testing.run(AskModel, [{"prompt": prompt} for prompt in prompts])
    assert outcome.rows == [{"prompt": prompts[0], "reply": "Paris"}]
    assert outcome.rejected == [(1, "no prompt"), (2, "the server replied 400: no secrets")]
