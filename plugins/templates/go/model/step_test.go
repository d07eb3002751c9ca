package main

import (
	"testing"

	"callboard/callboardtest"
)

func TestAskModel(t *testing.T) {
	callboardtest.Replies(t, "replies.jsonl")
	rows := `{"prompt": "Name the capital of France in one word."}
		{"prompt": null}
		{"prompt": "Tell me a secret."}`
	outcome, err := callboardtest.Run(main, `{}`, rows)
	if err != nil {
		t.Fatal(err)
	}
	outcome.Expect(t,
		`{"prompt":"Name the capital of France in one word.","reply":"Paris"}`,
		`row 1 rejected: no prompt`,
		`row 2 rejected: the server replied 400: no secrets`)
}
