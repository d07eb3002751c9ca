package tests

import (
	"fmt"
	"iter"
	"strings"
	"testing"

	"callboard"
)

type Counting struct {
	Count uint64 `json:"count"`
	Fail  uint64 `json:"fail"`
}

type Counted struct {
	Number uint64
	Half   *float64 `column:"half"`
	Tags   []string `column:"tags"`
	Day    int32    `column:"day" logical:"tdD"`
}

func (c *Counting) Rows(skip uint64) iter.Seq2[Counted, error] {
	return func(yield func(Counted, error) bool) {
		for n := skip; n < c.Count; n++ {
			row := Counted{Number: n, Tags: []string{"a", fmt.Sprint(n)}}
			if n%2 == 0 {
				row.Half = new(float64(n) / 2)
			}
			var err error
			switch {
			case n == c.Fail && c.Fail == 13:
				panic("thirteen")
			case n == c.Fail && c.Fail > 0:
				err = callboard.TransientError("no row %d", n)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

func TestASourceMakesRows(t *testing.T) {
	main := func() { callboard.SourceOrError(&Counting{Count: 2}) }
	expect(t, main, ``, nil,
		`{"number":0,"half":0,"tags":["a","0"],"day":0}`,
		`{"number":1,"half":null,"tags":["a","1"],"day":0}`)
	expect(t, main, `{"count": 0}`, nil, ``)
	expectError(t, main, `{"count": 9, "fail": 3}`, nil, callboard.Transient, "", "no row 3")
	expectError(t, main, `{"count": 20, "fail": 13}`, nil, callboard.Failed, "", "panic: thirteen", "source_test.go:", "(*Counting).Rows")
}

// The fake host opens the source again at each cursor, and expects the same rows.
func TestASourceGoesOnAtItsCursor(t *testing.T) {
	main := func() { callboard.SourceOrError(&Counting{}) }
	var want strings.Builder
	for n := range 2500 {
		half := "null"
		if n%2 == 0 {
			half = fmt.Sprint(n / 2)
		}
		fmt.Fprintf(&want, "{\"number\":%d,\"half\":%s,\"tags\":[\"a\",\"%d\"],\"day\":0}\n", n, half, n)
	}
	expect(t, main, `{"count": 2500}`, nil, want.String())
}

// Fibonacci has a cursor of its own.
type Fibonacci struct {
	Below int `json:"below"`
	a, b  int
}

type Number struct{ N int }

func (f *Fibonacci) Cursor() []byte { return fmt.Appendf(nil, "%d %d", f.a, f.b) }

func (f *Fibonacci) Resume(cursor []byte) error {
	_, err := fmt.Sscan(string(cursor), &f.a, &f.b)
	return err
}

func (f *Fibonacci) Rows(uint64) iter.Seq[Number] {
	return func(yield func(Number) bool) {
		for f.a < f.Below {
			n := f.a
			f.a, f.b = f.b, f.a+f.b
			if !yield(Number{n}) {
				return
			}
		}
	}
}

func TestASourceWithACursorOfItsOwn(t *testing.T) {
	expect(t, func() { callboard.Source(&Fibonacci{Below: 10, b: 1}) }, ``, nil,
		`{"n":0}`, `{"n":1}`, `{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":5}`, `{"n":8}`)
}
