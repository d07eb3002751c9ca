package main

import (
	"testing"

	"callboard/callboardtest"
)

func TestSequence(t *testing.T) {
	outcome, err := callboardtest.Run(main, `{"start": -1, "count": 3}`)
	if err != nil {
		t.Fatal(err)
	}
	outcome.Expect(t,
		`{"n":-1,"text":"row -1"}`,
		`{"n":0,"text":"row 0"}`,
		`{"n":1,"text":"row 1"}`)
}
