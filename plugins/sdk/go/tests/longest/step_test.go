// The group-by of the page docs/sdk/go.md.
package main

import (
	"os"
	"strings"
	"testing"

	"callboard/callboardtest"
)

func TestLongest(t *testing.T) {
	rows := `{"id": 1, "domain": "a", "n_chars": 1}
		{"id": 2, "domain": null, "n_chars": 2}
		{"id": 3, "domain": "b", "n_chars": 3}
		{"id": 4, "domain": "a", "n_chars": 9}
		{"id": 5, "domain": "a", "n_chars": null}
		{"id": 6, "domain": null, "n_chars": 2}
		{"id": 7, "domain": "a", "n_chars": 9}`
	outcome, err := callboardtest.Run(main, `{"most": 1}`, rows)
	if err != nil {
		t.Fatal(err)
	}
	outcome.Expect(t,
		`{"id":2,"domain":null,"n_chars":2,"n_in_domain":2}`,
		`{"id":3,"domain":"b","n_chars":3,"n_in_domain":1}`,
		`{"id":4,"domain":"a","n_chars":9,"n_in_domain":4}`)
	if outcome, err = callboardtest.Run(main, `{}`, rows); err != nil || len(outcome.Rows) != 6 {
		t.Errorf("got %v, %v", outcome, err)
	}
}

func TestThePageHasThisStep(t *testing.T) {
	page, err := os.ReadFile("../../../../../docs/sdk/go.md")
	if err != nil {
		t.Fatal(err)
	}
	step, err := os.ReadFile("step.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```go\n"+string(step)+"```") {
		t.Error("the page has another step than this")
	}
}
