package tests

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"callboard"
	"callboard/callboardtest"
)

// Each row's text says what the step does with it.
type Obedient struct {
	Do   callboard.In[string]  `column:"do"`
	More callboard.In[int64]   `column:"more,optional"`
	Part callboard.Out[string] `column:"part,nullable"`
}

func (o *Obedient) Row(row callboard.Row) error {
	do, _ := o.Do.Get(row)
	o.Part.Set("pending")
	switch what, rest, _ := strings.Cut(do, " "); what {
	case "split":
		for part := range strings.FieldsSeq(rest) {
			o.Part.Set(part)
			row.Emit()
		}
	case "silent":
		return callboard.Drop("")
	case "drop":
		return callboard.Dropf("dropped for %s", rest)
	case "reject":
		return fmt.Errorf("on the way: %w", callboard.Reject(rest))
	case "both":
		row.Emit()
		return callboard.Drop("too late")
	case "null":
		o.Part.SetNull()
	case "transient":
		return fmt.Errorf("asking: %w", callboard.TransientError("busy"))
	case "input":
		return callboard.InputError("no good")
	case "fail":
		return errors.New(rest)
	case "panic":
		var none []int
		return fmt.Errorf("%d", none[len(rest)])
	case "nil":
		var none *Obedient
		return none.Row(row)
	case "config":
		panic(callboard.ConfigError("/x", "wrong after all"))
	case "log":
		slog.Warn("seen", "row", rest, slog.Group("g", "level", 1))
		slog.With("a", 1).Debug("two\nlines")
		callboard.Count("words", 2)
	}
	return nil
}

func TestWhatARowCanBecome(t *testing.T) {
	rows := one(`{"do": "split a b"}`, `{"do": "silent"}`, `{"do": "drop x"}`, `{"do": "null"}`, `{"do": "reject y"}`, `{"do": null}`)
	expect(t, transform(&Obedient{}), ``, rows,
		`{"do":"split a b","part":"a"}`,
		`{"do":"split a b","part":"b"}`,
		`{"do":"null","part":null}`,
		`{"do":null,"part":"pending"}`,
		`row 2 dropped: dropped for x`,
		`row 4 rejected: y`)
}

func TestErrorsHaveTheirKind(t *testing.T) {
	for _, wrong := range []struct {
		do, at string
		kind   callboard.ErrorKind
		says   string
	}{
		{"transient", "", callboard.Transient, "asking: busy"},
		{"input", "", callboard.BadInput, "no good"},
		{"fail why", "", callboard.Failed, "why"},
		{"config", "/x", callboard.BadConfig, "wrong after all"},
		{"both", "", callboard.Failed, "row 0 of the batch was emitted, and then removed: too late"},
	} {
		expectError(t, transform(&Obedient{}), ``, one(`{"do": "`+wrong.do+`"}`), wrong.kind, wrong.at, wrong.says)
	}
	_, err := callboardtest.Run(transform(&Obedient{}), ``, `{"other": 1}`)
	if err == nil || err.Error() != "there is no column `do`" {
		t.Errorf("got %v", err)
	}
}

func TestAPanicSaysWhereItCameFrom(t *testing.T) {
	for do, says := range map[string]string{
		"panic x": "index out of range [1] with length 0\n  at ",
		"nil":     "nil pointer dereference\n  at ",
	} {
		expectError(t, transform(&Obedient{}), ``, one(`{"do": "`+do+`"}`), callboard.Failed, "", "panic: runtime error: ", says,
			"tests/transform_test.go:", "(*Obedient).Row")
	}
	_, err := callboardtest.Run(transform(&Obedient{}), ``, `{"do": "panic"}`)
	if places := strings.Count(err.Error(), "\n"); places != 1 {
		t.Errorf("%d places, want the step's alone: %v", places, err)
	}
}

func TestLogAndCounters(t *testing.T) {
	outcome := expect(t, transform(&Obedient{}), ``, one(`{"do": "log 1"}`), `{"do":"log 1","part":"pending"}`)
	if want := []string{"warn: seen row=1 g.level=1", "debug: two\nlines a=1"}; !reflect.DeepEqual(outcome.Log, want) {
		t.Errorf("got %q, want %q", outcome.Log, want)
	}
	if want := map[string]int64{"words": 2}; !reflect.DeepEqual(outcome.Counters, want) {
		t.Errorf("got %v, want %v", outcome.Counters, want)
	}
}

type Forgetful struct {
	N callboard.Out[int] `column:"n"`
}

func (f *Forgetful) Row(callboard.Row) error { return nil }

func TestAColumnThatWasNotSetIsAnError(t *testing.T) {
	expectError(t, transform(&Forgetful{}), ``, one(`{"a": 1}`), callboard.Failed, "", "column `n` was not set for a row that is put out")
}

type Replacing struct {
	Text callboard.In[string]   `column:"text,drop"`
	N    callboard.In[int]      `column:"n"`
	Out  callboard.Out[float64] `column:"n"`
}

func (r *Replacing) Row(row callboard.Row) error {
	r.Out.Set(float64(r.N.Or(row, -1)) / 2)
	return nil
}

func TestColumnsAreDroppedAndReplaced(t *testing.T) {
	expect(t, transform(&Replacing{}), ``, one(`{"text": "x", "n": 3, "z": 1}`, `{"n": null}`), `{"n":1.5,"z":1}`, `{"n":-0.5,"z":null}`)
}

// Columnar does with the rows of a batch what its configuration says.
type Columnar struct {
	Do     string                `json:"do"`
	N      callboard.In[int64]   `column:"n"`
	Double callboard.Out[int64]  `column:"double"`
	Text   callboard.Out[string] `column:"text,nullable"`
}

func (c *Columnar) Batch(batch *callboard.Batch) error {
	var doubles []int64
	for i, n := range c.N.Values(batch) {
		switch {
		case c.N.Null(batch, i):
			batch.Reject(i, "null")
		case n == 0:
			batch.Drop(i, "")
		case n > 9:
			batch.Drop(i, "large")
		default:
			doubles = append(doubles, 2*n)
		}
	}
	c.Double.SetValues(doubles)
	c.Text.SetNullable(make([]string, len(doubles)), make([]bool, len(doubles)))
	switch c.Do {
	case "twice":
		twice := []uint32{}
		for i := range batch.Len() {
			twice = append(twice, uint32(i), uint32(i))
		}
		batch.Keep(twice)
		c.Double.SetValues(make([]int64, len(twice)))
		c.Text.SetNullable(make([]string, len(twice)), make([]bool, len(twice)))
	case "short":
		c.Double.SetValues(nil)
	case "twice removed":
		batch.Drop(0, "a")
		batch.Drop(0, "a")
	}
	return nil
}

func TestByColumns(t *testing.T) {
	rows := one(`{"n": 1}`, `{"n": null}`, `{"n": 0}`, `{"n": 10}`, `{"n": 4}`)
	expect(t, batches(&Columnar{}), ``, rows, `{"n":1,"double":2,"text":null}`, `{"n":4,"double":8,"text":null}`,
		`row 1 rejected: null`, `row 3 dropped: large`)
	expect(t, batches(&Columnar{}), `{"do": "twice"}`, one(`{"n": 1}`, `{"n": 2}`),
		`{"n":1,"double":0,"text":null}`, `{"n":1,"double":0,"text":null}`, `{"n":2,"double":0,"text":null}`, `{"n":2,"double":0,"text":null}`)
	expectError(t, batches(&Columnar{}), `{"do": "short"}`, one(`{"n": 1}`), callboard.Failed, "", "column `double` has 0 values for 1 rows")
	expectError(t, batches(&Columnar{}), `{"do": "twice removed"}`, one(`{"n": 1}`), callboard.Failed, "", "row 0 is removed twice", "transform_test.go:")
}

type Loaded struct {
	Model string                `json:"model"`
	Out   callboard.Out[string] `column:"out"`
	table map[string]string
}

func (l *Loaded) Declare(shape *callboard.Shape) error {
	if l.Model == "bad" {
		return callboard.ConfigError("/model", "there is no model `%s`", l.Model)
	}
	return nil
}

func (l *Loaded) Open() error {
	l.table = map[string]string{"": "loaded"}
	return nil
}

func (l *Loaded) Row(callboard.Row) error {
	l.Out.Set(l.table[l.Model])
	return nil
}

func TestDeclareChecksAndOpenLoads(t *testing.T) {
	expect(t, transform(&Loaded{}), ``, one(`{"a": 1}`), `{"a":1,"out":"loaded"}`)
	expectError(t, transform(&Loaded{}), `{"model": "bad"}`, one(`{"a": 1}`), callboard.BadConfig, "/model", "there is no model `bad`")
}

func TestAProgramIsOneStep(t *testing.T) {
	for _, program := range []struct {
		main func()
		says string
	}{
		{func() {}, "main registers no step"},
		{func() { configured(); configured() }, "main registers more than one step"},
		{func() { callboard.Transform((*Obedient)(nil)) }, "a step is given as a pointer to a struct"},
	} {
		func() {
			defer func() {
				if said := fmt.Sprint(recover()); !strings.Contains(said, program.says) {
					t.Errorf("got %q, want %q", said, program.says)
				}
			}()
			callboardtest.Describe(program.main)
		}()
	}
}
