package main

import (
	"testing"

	"callboard/callboardtest"
)

func TestFirstOfEach(t *testing.T) {
	rows := `{"source": "a", "n": 0}
		{"source": null, "n": 1}
		{"source": "a", "n": 2}
		{"source": "b", "n": 3}
		{"source": null, "n": 4}`
	outcome, err := callboardtest.Run(main, `{}`, rows, `{"source": "b"}`)
	if err != nil {
		t.Fatal(err)
	}
	outcome.Expect(t,
		`{"source":"a","n":0}`,
		`{"source":null,"n":1}`,
		`row 2 dropped: duplicate`,
		`row 3 dropped: known`,
		`row 4 dropped: duplicate`)
}
