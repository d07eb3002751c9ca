package callboard

import (
	"iter"

	"callboard/internal/entry"
	global "callboard/internal/wit/callboard_step_global"
	types "callboard/internal/wit/callboard_step_types"
	wit "callboard/internal/wit/types"
)

// A GlobalStep needs rows of the whole input together before it puts out the first. Run is called once, or, where rows are grouped
// ([Shape.Gather]), any number of times in any number of instances, each time with other groups: what comes of a group depends on the
// configuration and its rows alone. The rows of the first input are carried on where they are kept; those of any other are only read.
type GlobalStep interface {
	Run(inputs []*Input, output *Writer) error
}

// Global makes the program a step that needs rows of the whole input together. The defaults are those of its configuration.
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
		declared := global.Shape{Reads: shape.reads, Writes: sentSchema(shape.written()), Drops: shape.drops}
		return declared, shape.gather.declare(&declared, shape.Inputs)
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

// Input is the rows of an input that a call is given, all of them or whole groups, kept by the host: to be read as often as wanted.
type Input struct {
	reader entry.Reader
	number int
	slots  int
	// next is the row that the reader reads next.
	next uint64
	// last is the batch that was read last, for Row.
	last *Batch
}

// Len is how many rows there are.
func (in *Input) Len() uint64 { return in.reader.Rows() }

// Rows are all rows from the first, or from the row of this number. Each range over it starts reading again.
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
		page, more := in.reader.Next()
		rows := page.Rows
		if !more {
			return nil
		}
		if rows.Rows == 0 {
			continue
		}
		_, columns := received(rows)
		in.next += uint64(rows.Rows)
		batch := &Batch{rows: int(rows.Rows), first: at, input: in.number, columns: columns, views: make([]any, in.slots)}
		from := 0
		for _, run := range page.Groups {
			to := from + int(run.Rows)
			batch.groups = append(batch.groups, BatchGroup{run.Group, from, to})
			from = to
		}
		return batch
	}
}

// Writer is the way out of a global step. Rows come out in the order of the calls to Keep and Write; where they are grouped, as they stand in
// the input. What is given to it is gathered, and crosses to the host some thousand rows at a time.
type Writer struct {
	output entry.Writer
	shape  *Shape
	// kept are rows of the first input, or made is how many rows came from none: never both.
	kept []uint64
	made int
	// at are rows of the first input in whose places made ones are put out, where rows are grouped.
	at      []uint64
	removed removals
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
	w.cross(rows, 0, nil, true)
}

// WriteColumns puts out that many rows that come from no row of the first input; the step's columns were set as a whole.
func (w *Writer) WriteColumns(rows int) {
	w.places(false)
	w.flush()
	w.cross(nil, rows, nil, true)
}

// WriteColumnsAt is [Writer.WriteColumns] where rows are grouped: each is put out in the place of a row of the first input.
func (w *Writer) WriteColumnsAt(rows []uint64) {
	w.places(true)
	w.flush()
	w.cross(nil, len(rows), rows, true)
}

// Write puts out a row that comes from no row of the first input. The step must drop all columns of that: there is nothing to carry.
func (w *Writer) Write() {
	w.places(false)
	w.write()
}

// WriteAt is [Writer.Write] where rows are grouped: in the place of a row of the first input.
func (w *Writer) WriteAt(row uint64) {
	w.places(true)
	w.at = append(w.at, row)
	w.write()
}

// places checks that rows are written in the places of others if they are grouped.
func (w *Writer) places(at bool) {
	switch grouped := w.shape.gather.isGrouped(); {
	case grouped && !at:
		panic(misuse("rows are grouped: WriteAt and WriteColumnsAt name the row of the first input in whose place one is put out"))
	case at && !grouped:
		panic(misuse("WriteAt and WriteColumnsAt go with rows that are grouped, by ByKey or ByEach"))
	}
}

func (w *Writer) write() {
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
	w.removed.add(row, fate, reason)
	if w.removed.rows >= gathered {
		w.output.Remove(w.removed.take())
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
	kept, made, at := w.kept, w.made, w.at
	w.kept, w.made, w.at = nil, 0, nil
	w.cross(kept, made, at, false)
}

// cross puts out rows of the first input, or made ones.
func (w *Writer) cross(kept []uint64, made int, at []uint64, whole bool) {
	count := len(kept) + made
	if count == 0 {
		return
	}
	columns := w.shape.take(count, whole)
	rows := sent(count, w.shape.names(), columns)
	switch {
	case made > 0:
		w.output.Write(rows, at)
	case len(columns) > 0:
		w.output.Keep(kept, wit.Some(rows))
	default:
		w.output.Keep(kept, wit.None[entry.Batch]())
	}
}

// finish lets all cross that is left.
func (w *Writer) finish() {
	w.flush()
	if w.removed.rows > 0 {
		w.output.Remove(w.removed.take())
	}
}

// removals are rows that go no further, by their reasons.
type removals struct {
	all  []types.Removal
	rows int
}

// recent is how many of the last reasons are looked at for another row of the same.
const recent = 8

func (r *removals) add(row uint64, fate types.Fate, reason string) {
	r.rows++
	for i := len(r.all) - 1; i >= max(0, len(r.all)-recent); i-- {
		if same := &r.all[i]; same.Fate == fate && same.Reason == reason {
			same.Rows = append(same.Rows, row)
			return
		}
	}
	r.all = append(r.all, types.Removal{Rows: []uint64{row}, Fate: fate, Reason: reason})
}

func (r *removals) take() []types.Removal {
	taken := r.all
	r.all, r.rows = nil, 0
	return taken
}
