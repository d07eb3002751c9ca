package callboard

import (
	"fmt"
	"iter"

	"callboard/internal/host"
	transform "callboard/internal/wit/callboard_step_transform"
	types "callboard/internal/wit/callboard_step_types"
	wit "callboard/internal/wit/types"
)

// Batch is some rows that the step reads, as columns: In.Values gives one of them.
type Batch struct {
	rows    int
	first   uint64
	input   int
	columns []*Array
	views   []any
	result  *result
	groups  []BatchGroup
}

// Len is how many rows there are.
func (b *Batch) Len() int { return b.rows }

// First is the number of the first row in the whole input, of a global step.
func (b *Batch) First() uint64 { return b.first }

// Rows are the rows one by one.
func (b *Batch) Rows() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for i := range b.rows {
			if !yield(Row{b, i}) {
				return
			}
		}
	}
}

// Row is one row of a batch: In.Get gives a value of it.
type Row struct {
	batch *Batch
	index int
}

// Index is the row's place in its batch.
func (r Row) Index() int { return r.index }

// Number is the row's number in the whole input, from 0, of a global step.
func (r Row) Number() uint64 { return r.batch.first + uint64(r.index) }

// Emit puts out the row with what is set, and may be called again for one row more. It is a transform's; a Row that returns nil without
// having emitted emits once.
func (r Row) Emit() {
	if err := r.batch.working().emit(r.index); err != nil {
		panic(misused{err})
	}
}

// Drop leaves row i out, as the step is meant to. Without a reason the row is not listed.
func (b *Batch) Drop(i int, reason string) { b.working().remove(i, types.Fate_Dropped, reason) }

// Reject says that the step could not handle row i, and why.
func (b *Batch) Reject(i int, reason string) { b.working().remove(i, types.Fate_Rejected, reason) }

// Postpone says that the step could not handle row i now, for a reason that passes, such as a server that is down: it counts as rejected,
// and the next run gives it to the step again.
func (b *Batch) Postpone(i int, reason string) {
	host.TryAgain()
	b.Reject(i, reason)
}

// Keep says which rows are put out, in which order and how often: a row of the batch for each row that is put out. Without it, and
// without Emit, all are that were not dropped or rejected.
func (b *Batch) Keep(rows []uint32) {
	result := b.working()
	result.origins, result.kept = rows, true
}

func (b *Batch) working() *result {
	if b.result == nil {
		panic(misuse("these rows are not a transform's to put out or remove: a global step has its Writer for that"))
	}
	return b.result
}

// result holds the fates of the rows of a transform's batch.
type result struct {
	shape *Shape
	rows  int
	// origins are the rows put out, where the step said so: one by one, or by Keep.
	origins []uint32
	byRows  bool
	kept    bool
	removed removals
	// gone has a bit for each row that was removed, goners is their number, and silent that of those without a reason.
	gone   Bits
	goners int
	silent int
}

func newResult(shape *Shape, rows int) *result {
	return &result{shape: shape, rows: rows, gone: make(Bits, (rows+7)/8)}
}

func (r *result) emit(row int) error {
	r.byRows = true
	r.origins = append(r.origins, uint32(row))
	return r.shape.push(1)
}

func (r *result) remove(row int, fate types.Fate, reason string) {
	if row < 0 || row >= r.rows {
		panic(misuse("there is no row %d to remove: the batch has %d", row, r.rows))
	}
	if r.gone.Get(row) {
		panic(misuse("row %d is removed twice", row))
	}
	r.gone.setBit(row, true)
	r.goners++
	if reason == "" && fate == types.Fate_Dropped {
		r.silent++
		return
	}
	r.removed.add(uint64(row), fate, reason)
}

// settle records the result of a row's work.
func (r *result) settle(row int, emitted bool, err error) error {
	if err == nil {
		if emitted {
			r.shape.forget()
			return nil
		}
		return r.emit(row)
	}
	removed, ok := asRemoval(err)
	if !ok {
		return err
	}
	if emitted {
		return fmt.Errorf("row %d of the batch was emitted, and then removed: %s", row, removed.reason)
	}
	r.shape.forget()
	r.remove(row, removed.fate, removed.reason)
	return nil
}

// inOrder says whether the rows put out are simply those that were not removed.
func (r *result) inOrder() bool {
	if len(r.origins)+r.goners != r.rows {
		return false
	}
	for i := 1; i < len(r.origins); i++ {
		if r.origins[i] <= r.origins[i-1] {
			return false
		}
	}
	return true
}

// output is the result as the contract has it.
func (r *result) output() transform.Output {
	if !r.byRows && !r.kept {
		for row := range r.rows {
			if !r.gone.Get(row) {
				r.origins = append(r.origins, uint32(row))
			}
		}
	}
	output := transform.Output{Removed: r.removed.take()}
	if r.silent > 0 || !r.inOrder() {
		output.Origins = wit.Some(r.origins)
	}
	rows := len(r.origins)
	output.Columns = sent(rows, r.shape.names(), r.shape.take(rows, !r.byRows))
	return output
}
