package callboard

import "iter"

// Group is the rows that agree in the step's key, or that share an item of a list.
type Group struct {
	// Number is that of the group in this call: the same for every input, and another in the next call.
	Number uint32
	runs   *runs
}

// Rows are the rows of the group, once, and one after another: there may be more than memory has room for.
func (g *Group) Rows() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for g.runs.within(g.Number) {
			batch, run := g.runs.batch, g.runs.batch.groups[g.runs.at]
			g.runs.advance()
			for i := run.From; i < run.To; i++ {
				if !yield(Row{batch, i}) {
					return
				}
			}
		}
	}
}

// BatchGroup is the rows of a batch that are of one group: from From, and less than To.
type BatchGroup struct {
	Number   uint32
	From, To int
}

// Groups are the groups of this batch's rows, where the step has its rows grouped. The last may continue in the next batch, under the same
// number.
func (b *Batch) Groups() []BatchGroup { return b.groups }

// Groups are the rows group by group, where the step has them grouped ([ByKey], [ByEach]). Rows of a group that were not asked for are passed
// over.
func (in *Input) Groups() iter.Seq[*Group] {
	return func(yield func(*Group) bool) {
		runs := &runs{input: in, at: -1}
		for runs.advance(); runs.batch != nil; {
			number := runs.batch.groups[runs.at].Number
			if !yield(&Group{number, runs}) {
				return
			}
			for runs.within(number) {
				runs.advance()
			}
		}
	}
}

// runs goes through the groups of an input's batches.
type runs struct {
	input *Input
	// batch is nil at the end.
	batch *Batch
	at    int
	next  uint64
}

func (r *runs) within(number uint32) bool {
	return r.batch != nil && r.batch.groups[r.at].Number == number
}

func (r *runs) advance() {
	r.at++
	if r.batch != nil && r.at < len(r.batch.groups) {
		return
	}
	r.at, r.batch = 0, r.input.read(r.next)
	if r.batch == nil {
		return
	}
	if len(r.batch.groups) == 0 {
		panic(misuse("rows are not grouped: let the step's Declare say shape.Gather(callboard.ByKey(…))"))
	}
	r.next += uint64(r.batch.rows)
}

// Positions says where rows stand in the whole input, from 0: of `count` rows from number `first` on, at most 1,048,576. That is the same
// whatever rows a call is given.
func (in *Input) Positions(first uint64, count int) []uint64 {
	if count < 0 || first > in.Len() || uint64(count) > in.Len()-first {
		panic(misuse("there are no %d rows from %d on: the input has %d", count, first, in.Len()))
	}
	return in.reader.Positions(first, uint32(count))
}
