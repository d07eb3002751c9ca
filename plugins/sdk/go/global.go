package callboard

import (
	"iter"

	"callboard/internal/entry"
	global "callboard/internal/wit/callboard_step_global"
	types "callboard/internal/wit/callboard_step_types"
	wit "callboard/internal/wit/types"
)

// A GlobalStep needs all rows before it puts out the first. Run is called once. The rows of the first input are carried on where they
// are kept; those of any other are only read.
type GlobalStep interface {
	Run(inputs []*Input, output *Writer) error
}

// Global makes the program a step that needs all rows. The defaults are those of its configuration.
func Global(defaults GlobalStep) {
	entry.Register(entry.Registration{Manifest: manifestOf(defaults), Step: globalStep{defaults}})
}

// globalStep is a global step as the host sees it.
type globalStep struct {
	defaults GlobalStep
}

func schemasOf(inputs []entry.Batch) []Schema {
	schemas := make([]Schema, len(inputs))
	for i, input := range inputs {
		schemas[i], _ = received(input)
	}
	return schemas
}

func (g globalStep) Declare(config string, inputs []entry.Batch) (global.Shape, *entry.Error) {
	return guarded(func() (global.Shape, error) {
		_, shape, err := bind(g.defaults, config, schemasOf(inputs))
		if err != nil {
			return global.Shape{}, err
		}
		return global.Shape{Reads: shape.reads, Writes: sentSchema(shape.written()), Drops: shape.drops}, nil
	})
}

func (g globalStep) Open(config string, inputs []entry.Batch) (func([]entry.Reader, entry.Writer) *entry.Error, *entry.Error) {
	return guarded(func() (func([]entry.Reader, entry.Writer) *entry.Error, error) {
		step, shape, err := open(g.defaults, config, schemasOf(inputs))
		if err != nil {
			return nil, err
		}
		return func(readers []entry.Reader, output entry.Writer) *entry.Error {
			_, failure := guarded(func() (struct{}, error) { return struct{}{}, g.run(step, shape, readers, output) })
			return failure
		}, nil
	})
}

func (g globalStep) run(step GlobalStep, shape *Shape, readers []entry.Reader, output entry.Writer) error {
	shape.reset()
	inputs := make([]*Input, len(readers))
	for i, reader := range readers {
		inputs[i] = &Input{reader: reader, number: i, slots: shape.slots}
	}
	writer := &Writer{output: output, shape: shape}
	if err := step.Run(inputs, writer); err != nil {
		return err
	}
	writer.finish()
	return nil
}

// Input is the rows of a whole input, kept by the host: to be read as often as wanted.
type Input struct {
	reader entry.Reader
	number int
	slots  int
	// next is the row that the reader goes on with.
	next uint64
	// last is the batch that was read last, for Row.
	last *Batch
}

// Len is how many rows there are.
func (in *Input) Len() uint64 { return in.reader.Rows() }

// Rows are all rows from the first, or from the row of this number. Each range over it reads anew.
func (in *Input) Rows(from ...uint64) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for batch := range in.Batches(from...) {
			for row := range batch.Rows() {
				if !yield(row) {
					return
				}
			}
		}
	}
}

// Batches are all rows as batches of columns, from the first row or from the row of this number.
func (in *Input) Batches(from ...uint64) iter.Seq[*Batch] {
	return func(yield func(*Batch) bool) {
		var at uint64
		if len(from) > 0 {
			at = from[0]
		}
		for {
			batch := in.read(at)
			if batch == nil || !yield(batch) {
				return
			}
			at += uint64(batch.rows)
		}
	}
}

// Row is the row of this number. Rows near the one that was asked for last are at hand; others are read.
func (in *Input) Row(number uint64) Row {
	if in.last == nil || number < in.last.first || number-in.last.first >= uint64(in.last.rows) {
		in.last = in.read(number)
	}
	return Row{in.last, int(number - in.last.first)}
}

// read returns the rows at this number, or nil at the end.
func (in *Input) read(at uint64) *Batch {
	for {
		if in.next != at {
			in.reader.Seek(at)
			in.next = at
		}
		rows, more := in.reader.Next()
		if !more {
			return nil
		}
		if rows.Rows == 0 {
			continue
		}
		_, columns := received(rows)
		in.next += uint64(rows.Rows)
		return &Batch{rows: int(rows.Rows), first: at, input: in.number, columns: columns, views: make([]any, in.slots)}
	}
}

// Writer is the way out of a global step. Rows come out in the order of the calls to Keep and Write. What is given to it is gathered, and
// crosses to the host some thousand rows at a time.
type Writer struct {
	output entry.Writer
	shape  *Shape
	// kept are rows of the first input, or made is how many rows came from none: never both.
	kept    []uint64
	made    int
	removed []types.Removal
}

// gathered is how many rows cross at once.
const gathered = 8192

// Keep puts out rows of the first input by their numbers (Row.Number), with their other columns, and with what the step's columns were
// Out.Set to.
func (w *Writer) Keep(rows ...uint64) {
	if w.made > 0 {
		w.flush()
	}
	w.kept = append(w.kept, rows...)
	w.push(len(rows), len(w.kept))
}

// KeepColumns puts out rows of the first input; the step's columns were set as a whole (Out.SetValues), a value for each row.
func (w *Writer) KeepColumns(rows []uint64) {
	w.flush()
	w.cross(rows, 0, true)
}

// WriteColumns puts out so many rows that come from no row of the first input; the step's columns were set as a whole.
func (w *Writer) WriteColumns(rows int) {
	w.flush()
	w.cross(nil, rows, true)
}

// Write puts out a row that comes from no row of the first input. The step must drop all columns of that: there is nothing to carry.
func (w *Writer) Write() {
	if len(w.kept) > 0 {
		w.flush()
	}
	w.made++
	w.push(1, w.made)
}

// Drop leaves a row of the first input out, as the step is meant to.
func (w *Writer) Drop(row uint64, reason string) { w.remove(row, types.Fate_Dropped, reason) }

// Reject says that the step could not handle a row of the first input, and why.
func (w *Writer) Reject(row uint64, reason string) { w.remove(row, types.Fate_Rejected, reason) }

func (w *Writer) remove(row uint64, fate types.Fate, reason string) {
	w.shape.forget()
	if reason == "" && fate == types.Fate_Dropped {
		return
	}
	w.removed = append(w.removed, types.Removal{Row: row, Fate: fate, Reason: reason})
	if len(w.removed) >= gathered {
		w.output.Remove(w.removed)
		w.removed = w.removed[:0]
	}
}

func (w *Writer) push(rows, waiting int) {
	if err := w.shape.push(rows); err != nil {
		panic(misused{err})
	}
	if waiting >= gathered {
		w.flush()
	}
}

// flush lets the rows cross that were gathered.
func (w *Writer) flush() {
	kept, made := w.kept, w.made
	w.kept, w.made = nil, 0
	w.cross(kept, made, false)
}

// cross puts out rows of the first input, or made ones.
func (w *Writer) cross(kept []uint64, made int, whole bool) {
	count := len(kept) + made
	if count == 0 {
		return
	}
	columns := w.shape.take(count, whole)
	rows := sent(count, w.shape.names(), columns)
	switch {
	case made > 0:
		w.output.Write(rows)
	case len(columns) > 0:
		w.output.Keep(kept, wit.Some(rows))
	default:
		w.output.Keep(kept, wit.None[entry.Batch]())
	}
}

// finish lets all cross that is left.
func (w *Writer) finish() {
	w.flush()
	if len(w.removed) > 0 {
		w.output.Remove(w.removed)
	}
}
