package main

import (
	"testing"

	"callboard/callboardtest"
)

func TestWordCount(t *testing.T) {
	rows := `{"text": "one two three"}
		{"text": "ein Wörtchen"}
		{"text": " \t"}
		{"text": null}`
	outcome, err := callboardtest.Run(main, `{"min": 2}`, rows)
	if err != nil {
		t.Fatal(err)
	}
	outcome.Expect(t,
		`{"text":"one two three","n_words":3}`,
		`{"text":"ein Wörtchen","n_words":2}`,
		`row 2 dropped: 0 words, fewer than 2`,
		`row 3 rejected: no text`)
}
