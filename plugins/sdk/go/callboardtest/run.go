// Package callboardtest runs a step in a test, over rows in JSON, as the host would:
//
//	func TestWordCount(t *testing.T) {
//		outcome, err := callboardtest.Run(main, `{"min": 2}`, `{"text": "one two"}
//	{"text": "one"}`)
//		if err != nil {
//			t.Fatal(err)
//		}
//		outcome.Expect(t, `{"text":"one two","n_words":2}`, `row 1 dropped: 1 words, fewer than 2`)
//	}
//
// It needs no WebAssembly, so that a debugger and the race detector work as ever.
package callboardtest

import (
	"cmp"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"callboard"
	"callboard/internal/bridge"
	"callboard/internal/entry"
	types "callboard/internal/wit/callboard_step_types"
	wit "callboard/internal/wit/types"

	"callboard/internal/host"
)

// Outcome is what came of the rows.
type Outcome struct {
	// Rows are the rows put out, with all their columns: those written, and those carried.
	Rows []Row
	// Removed are the rows of the (first) input that were removed with a reason, in order, as in `row 1 dropped: too short`; rows count from 0.
	Removed []string
	// Log are the lines of the log, as in `info: a message key=value`.
	Log []string
	// Counters are the numbers that were counted.
	Counters map[string]int64

	removed []removedRow
}

// JSONL is the rows put out, an object on each line.
func (o *Outcome) JSONL() string {
	lines := make([]string, len(o.Rows))
	for i, row := range o.Rows {
		lines[i] = row.JSON()
	}
	return strings.Join(lines, "\n")
}

// Expect fails the test if other rows were put out, or other rows removed. Lines that begin with `row` are removals.
func (o *Outcome) Expect(t testing.TB, lines ...string) {
	t.Helper()
	want := strings.Split(strings.TrimSpace(strings.Join(lines, "\n")), "\n")
	got := strings.Split(strings.TrimSpace(o.JSONL()+"\n"+strings.Join(o.Removed, "\n")), "\n")
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			t.Errorf("missing: %s", want[i])
		case i >= len(want):
			t.Errorf("too many: %s", got[i])
		case strings.TrimSpace(want[i]) != got[i]:
			t.Errorf("line %d\n got: %s\nwant: %s", i+1, got[i], strings.TrimSpace(want[i]))
		}
	}
}

// Run runs the step that the program's main registers over inputs in JSON, an object on each line: one input for a transform, one or more
// for a global step, none for a source. An error of the step's is a *callboard.Error. A transform and a global step are
// run twice, with the rows in one batch and in batches of one, and with each group in a call of its own: what comes out must be the same.
func Run(main func(), config string, inputs ...string) (*Outcome, error) {
	tables := make([]Table, len(inputs))
	for i, input := range inputs {
		table, err := JSONL(input)
		if err != nil {
			return nil, fmt.Errorf("input %d: %w", i+1, err)
		}
		tables[i] = table
	}
	return RunTables(main, config, tables...)
}

// RunTables is [Run] with rows of given types.
func RunTables(main func(), config string, inputs ...Table) (*Outcome, error) {
	whole, err := runInBatches(main, config, inputs, 1<<20)
	if err != nil {
		return nil, err
	}
	whole.Log, whole.Counters = host.Said()
	single, err := runInBatches(main, config, inputs, 1)
	host.Said()
	if err != nil {
		return nil, fmt.Errorf("in batches of one row, and each group in a call of its own: %w", err)
	}
	if whole.JSONL() != single.JSONL() || !reflect.DeepEqual(whole.Removed, single.Removed) {
		return nil, fmt.Errorf("what is put out must not depend on how rows are cut into batches, or groups given to calls; in one:\n%s\n%v\nin batches of one row:\n%s\n%v",
			whole.JSONL(), whole.Removed, single.JSONL(), single.Removed)
	}
	return whole, nil
}

// Manifest is a step's description of itself.
type Manifest struct {
	Name, Version, Summary, ConfigSchema string
}

// Describe returns the manifest of the step that main registers.
func Describe(main func()) Manifest { return Manifest(entry.Of(main).Manifest) }

func runInBatches(main func(), config string, inputs []Table, rows int) (*Outcome, error) {
	host.Said()
	defer log.SetFlags(log.Flags())
	defer log.SetOutput(log.Writer())
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(bridge.Log))
	switch step := entry.Of(main).Step.(type) {
	case entry.Transform:
		if len(inputs) != 1 {
			return nil, fmt.Errorf("a transform has one input, and not %d", len(inputs))
		}
		return runTransform(step, config, inputs[0], rows)
	case entry.Global:
		if len(inputs) == 0 {
			return nil, errors.New("a global step has one input at least")
		}
		return runGlobal(step, config, inputs, rows)
	case entry.Source:
		if len(inputs) != 0 {
			return nil, fmt.Errorf("a source has no input, and not %d", len(inputs))
		}
		return runSource(step, config, rows)
	}
	panic("an unknown kind of step was registered")
}

// fromHost is an error of the contract's as the SDK's.
func fromHost(raw *entry.Error) error {
	err := &callboard.Error{Kind: callboard.ErrorKind(raw.Kind), Err: errors.New(raw.Message)}
	err.At, _ = raw.At.Get()
	return err
}

func (o *Outcome) remove(removed []entry.Removal, place func(row uint64) uint64) {
	for _, removal := range removed {
		fate := "dropped"
		if removal.Fate == types.Fate_Rejected {
			fate = "rejected"
		}
		for _, row := range removal.Rows {
			o.removed = append(o.removed, removedRow{place(row), fmt.Sprintf("row %d %s: %s", place(row), fate, removal.Reason)})
		}
	}
}

// sorted is the outcome with its removals in the order of the rows.
func (o *Outcome) sorted() *Outcome {
	slices.SortStableFunc(o.removed, func(a, b removedRow) int { return cmp.Compare(a.row, b.row) })
	for _, removed := range o.removed {
		o.Removed = append(o.Removed, removed.text)
	}
	return o
}

type removedRow struct {
	row  uint64
	text string
}

func schemaOf(table Table) entry.Batch { return bridge.Schema(table.Schema) }

func runTransform(step entry.Transform, config string, input Table, size int) (*Outcome, error) {
	shape, failure := step.Declare(config, schemaOf(input))
	if failure != nil {
		return nil, fromHost(failure)
	}
	read := input.selected(shape.Reads)
	process, failure := step.Open(config, schemaOf(read))
	if failure != nil {
		return nil, fromHost(failure)
	}
	outcome := &Outcome{}
	for first := 0; first < input.rows(); first += size {
		count := min(size, input.rows()-first)
		output, failure := process(withRows(read.batchOf(first, first+count), count))
		if failure != nil {
			return nil, fromHost(failure)
		}
		gone := map[uint64]bool{}
		for _, removal := range output.Removed {
			for _, row := range removal.Rows {
				gone[row] = true
			}
		}
		origins, explicit := output.Origins.Get()
		for row := range uint32(count) {
			if !explicit && !gone[uint64(row)] {
				origins = append(origins, row)
			}
		}
		if int(output.Columns.Rows) != len(origins) {
			return nil, fmt.Errorf("the step wrote %d rows and put out %d", output.Columns.Rows, len(origins))
		}
		written := tableOf(output.Columns)
		for j, row := range origins {
			if gone[uint64(row)] {
				return nil, fmt.Errorf("row %d is put out and removed", row)
			}
			outcome.Rows = append(outcome.Rows, input.carried(first+int(row), shape.Drops, written, j))
		}
		outcome.remove(output.Removed, func(row uint64) uint64 { return uint64(first) + row })
	}
	return outcome.sorted(), nil
}

// batchOf is a batch even where no column is read.
func (t Table) batchOf(from, to int) entry.Batch {
	if len(t.Schema) == 0 {
		return entry.Batch{}
	}
	return t.batch(from, to)
}

func withRows(batch entry.Batch, rows int) entry.Batch {
	batch.Rows = uint32(rows)
	return batch
}

func runSource(step entry.Source, config string, size int) (*Outcome, error) {
	if _, failure := step.Declare(config); failure != nil {
		return nil, fromHost(failure)
	}
	outcome := &Outcome{}
	cursor := wit.None[[]byte]()
	next, failure := step.Open(config, cursor)
	for failure == nil {
		page, failed := next()
		if failed != nil {
			return nil, fromHost(failed)
		}
		made, more := page.Get()
		if !more {
			return outcome, nil
		}
		table := tableOf(made.Rows)
		for j := range int(made.Rows.Rows) {
			outcome.Rows = append(outcome.Rows, Table{}.carried(-1, nil, table, j))
		}
		if size == 1 {
			// As if the run were interrupted here and resumed.
			next, failure = step.Open(config, wit.Some(made.Cursor))
		}
	}
	return nil, fromHost(failure)
}

func runGlobal(step entry.Global, config string, inputs []Table, size int) (*Outcome, error) {
	schemas := make([]entry.Batch, len(inputs))
	for i, input := range inputs {
		schemas[i] = schemaOf(input)
	}
	shape, failure := step.Declare(config, schemas)
	if failure != nil {
		return nil, fromHost(failure)
	}
	read := make([]Table, len(inputs))
	for i, input := range inputs {
		read[i] = input.selected(shape.Reads[i])
		schemas[i] = schemaOf(read[i])
	}
	run, failure := step.Open(config, schemas)
	if failure != nil {
		return nil, fromHost(failure)
	}
	outcome := &Outcome{}
	var out []placed
	for _, part := range gathered(shape, inputs, size == 1) {
		readers := make([]entry.Reader, len(inputs))
		for i, given := range part {
			readers[i] = &reader{table: read[i].picked(given), given: given, grouped: isGrouped(shape), size: size}
		}
		writer := &writer{input: inputs[0], shape: shape, given: part[0], outcome: outcome}
		if failure := run(readers, writer); failure != nil {
			return nil, fromHost(failure)
		}
		out = append(out, writer.out...)
	}
	slices.SortStableFunc(out, func(a, b placed) int { return cmp.Compare(a.place, b.place) })
	for _, row := range out {
		outcome.Rows = append(outcome.Rows, row.row)
	}
	return outcome.sorted(), nil
}
