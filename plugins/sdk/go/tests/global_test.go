package tests

import (
	"fmt"
	"strings"
	"testing"

	"callboard"
	"callboard/callboardtest"
)

// Ranked does what its configuration says.
type Ranked struct {
	Do    string                `json:"do"`
	N     callboard.In[int64]   `column:"n,all"`
	Share callboard.Out[string] `column:"share"`
}

func (r *Ranked) Run(inputs []*callboard.Input, output *callboard.Writer) error {
	rows := inputs[0]
	switch r.Do {
	case "share":
		var sum int64
		for row := range rows.Rows() {
			sum += r.N.Or(row, 0)
		}
		for row := range rows.Rows() {
			n, ok := r.N.Get(row)
			if !ok {
				output.Reject(row.Number(), "null")
				continue
			}
			r.Share.Set(fmt.Sprintf("%d of %d", n, sum))
			output.Keep(row.Number())
		}
	case "backwards":
		for n := rows.Len(); n > 0; n-- {
			r.Share.Set(fmt.Sprint(r.N.Or(rows.Row(n-1), -1)))
			output.Keep(n - 1)
		}
	case "pairs":
		for a := range rows.Rows() {
			for b := range rows.Rows(a.Number() + 1) {
				if r.N.Maybe(a) == r.N.Maybe(b) {
					output.Drop(b.Number(), fmt.Sprintf("like %d", a.Number()))
				}
			}
		}
	case "columns":
		r.Share.Set("one by one")
		output.Keep(0, 0)
		for batch := range rows.Batches(1) {
			numbers, shares := []uint64{}, []string{}
			for i, n := range r.N.Values(batch) {
				numbers, shares = append(numbers, batch.First()+uint64(i)), append(shares, fmt.Sprint(n))
			}
			r.Share.SetValues(shares)
			output.KeepColumns(numbers)
		}
	case "left":
		for row := range inputs[1].Rows() {
			r.Share.Set(fmt.Sprint(r.N.Or(row, 0)))
			output.Keep(0)
		}
	case "panic":
		for row := range rows.Rows() {
			row.Emit()
		}
	}
	return nil
}

func TestGlobal(t *testing.T) {
	rows := lines(`{"n": 1}`, `{"n": null}`, `{"n": 4}`, `{"n": 1}`)
	run := func(do string, want ...string) {
		t.Helper()
		expect(t, global(&Ranked{}), `{"do": "`+do+`"}`, []string{rows, `{"n": 7}`}, want...)
	}
	run("share", `{"n":1,"share":"1 of 6"}`, `{"n":4,"share":"4 of 6"}`, `{"n":1,"share":"1 of 6"}`, `row 1 rejected: null`)
	run("backwards", `{"n":1,"share":"1"}`, `{"n":4,"share":"4"}`, `{"n":null,"share":"-1"}`, `{"n":1,"share":"1"}`)
	run("pairs", `row 3 dropped: like 0`)
	run("columns", `{"n":1,"share":"one by one"}`, `{"n":1,"share":"one by one"}`, `{"n":null,"share":"0"}`, `{"n":4,"share":"4"}`, `{"n":1,"share":"1"}`)
	run("left", `{"n":1,"share":"7"}`)
	expectError(t, global(&Ranked{}), `{"do": "panic"}`, []string{rows}, callboard.Failed, "", "a global step has its Writer for that", "global_test.go:")
	expectError(t, global(&Ranked{}), `{}`, []string{rows, `{"m": 1}`}, callboard.BadInput, "", "there is no column `n`")
}

func TestMoreRowsThanAreGatheredComeInOrder(t *testing.T) {
	var rows, want strings.Builder
	for n := range 20_000 {
		fmt.Fprintf(&rows, "{\"n\": %d}\n", n)
		fmt.Fprintf(&want, "{\"n\":%d,\"share\":\"%d of 199990000\"}\n", n, n)
	}
	expect(t, global(&Ranked{}), `{"do": "share"}`, []string{rows.String()}, want.String())
}

// Summary puts out rows of its own.
type Summary struct {
	N     callboard.In[int64]  `column:"n,drop"`
	Count callboard.Out[int]   `column:"count"`
	Sum   callboard.Out[int64] `column:"sum"`
}

func (s *Summary) Run(inputs []*callboard.Input, output *callboard.Writer) error {
	count, sum := 0, int64(0)
	for batch := range inputs[0].Batches() {
		for _, n := range s.N.Values(batch) {
			count++
			sum += n
		}
	}
	s.Count.Set(count)
	s.Sum.Set(sum)
	output.Write()
	s.Count.SetValues([]int{1, 2})
	s.Sum.SetValues([]int64{3, 4})
	output.WriteColumns(2)
	return nil
}

func TestRowsThatComeFromNone(t *testing.T) {
	expect(t, global(&Summary{}), ``, one(`{"n": 2}`, `{"n": 5}`), `{"count":2,"sum":7}`, `{"count":1,"sum":3}`, `{"count":2,"sum":4}`)
}

func TestAnEmptyInput(t *testing.T) {
	empty := callboardtest.Table{Schema: callboard.Schema{{Name: "n", Type: callboard.Type{Kind: callboard.Int64}}}, Columns: [][]any{{}}}
	outcome, err := callboardtest.RunTables(global(&Summary{}), ``, empty)
	if err != nil {
		t.Fatal(err)
	}
	outcome.Expect(t, `{"count":0,"sum":0}`, `{"count":1,"sum":3}`, `{"count":2,"sum":4}`)
}
