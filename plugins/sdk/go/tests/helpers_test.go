// Package tests runs steps that are written with the SDK, natively, as the host would.
package tests

import (
	"errors"
	"strings"
	"testing"

	"callboard"
	"callboard/callboardtest"
)

// transform is a program with one transform by rows.
func transform(step callboard.RowStep) func() { return func() { callboard.Transform(step) } }

// batches is a program with one transform by columns.
func batches(step callboard.BatchStep) func() { return func() { callboard.TransformBatches(step) } }

// global is a program with one global step.
func global(step callboard.GlobalStep) func() { return func() { callboard.Global(step) } }

// expect runs a program, which must not fail, and expects these rows and removals.
func expect(t *testing.T, main func(), config string, inputs []string, want ...string) *callboardtest.Outcome {
	t.Helper()
	outcome, err := callboardtest.Run(main, config, inputs...)
	if err != nil {
		t.Fatal(err)
	}
	outcome.Expect(t, want...)
	return outcome
}

// expectError runs a program, which must fail: with this kind, at this place, and a message that has all of these texts.
func expectError(t *testing.T, main func(), config string, inputs []string, kind callboard.ErrorKind, at string, texts ...string) {
	t.Helper()
	_, err := callboardtest.Run(main, config, inputs...)
	var told *callboard.Error
	if !errors.As(err, &told) {
		t.Fatalf("got %v, want an error of the step's", err)
	}
	if told.Kind != kind || told.At != at {
		t.Errorf("got kind %d at %q, want kind %d at %q: %v", told.Kind, told.At, kind, at, err)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("got %q, want it to say %q", err, text)
		}
	}
}

func lines(rows ...string) string { return strings.Join(rows, "\n") }

func one(rows ...string) []string { return []string{lines(rows...)} }
