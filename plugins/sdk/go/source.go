package callboard

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"callboard/internal/entry"
	source "callboard/internal/wit/callboard_step_source"
	wit "callboard/internal/wit/types"
)

// A SourceStep makes rows, each a struct whose fields are its columns. A run that was interrupted goes on where it was: skip is how many
// rows have been made already, and Rows begins with the one after them.
type SourceStep[R any] interface {
	Rows(skip uint64) iter.Seq[R]
}

// A FallibleSource is a [SourceStep] that may fail: it yields the row, or the error that ends it.
type FallibleSource[R any] interface {
	Rows(skip uint64) iter.Seq2[R, error]
}

// A Resumer is a source with a cursor of its own in place of the number of rows made. Cursor says where to go on behind the rows that were
// yielded until now. Where a run is resumed, Resume is called with it before Rows, and skip is 0.
type Resumer interface {
	Cursor() []byte
	Resume(cursor []byte) error
}

// pageRows is how many rows a source hands over at a time.
const pageRows = 1000

// Source makes the program a step that makes rows. The defaults are those of its configuration.
//
// The columns are the exported fields of the row's struct, by the name in the tag column, or else the field's in lower case with
// underscores; a pointer is a column that may be null, and a tag logical says what a number stands for.
func Source[R any](defaults SourceStep[R]) {
	registerSource(sourceStep[SourceStep[R], R]{defaults, func(step SourceStep[R], skip uint64) iter.Seq2[R, error] {
		return func(yield func(R, error) bool) {
			for row := range step.Rows(skip) {
				if !yield(row, nil) {
					return
				}
			}
		}
	}})
}

// SourceOrError makes the program a step that makes rows, and may fail at it.
func SourceOrError[R any](defaults FallibleSource[R]) {
	registerSource(sourceStep[FallibleSource[R], R]{defaults, FallibleSource[R].Rows})
}

func registerSource[S, R any](step sourceStep[S, R]) {
	entry.Register(entry.Registration{Manifest: manifestOf(step.defaults), Step: step})
}

// sourceStep is a source as the host sees it.
type sourceStep[S, R any] struct {
	defaults S
	rows     func(S, uint64) iter.Seq2[R, error]
}

func (s sourceStep[S, R]) Declare(config string) (entry.Batch, *entry.Error) {
	return guarded(func() (entry.Batch, error) {
		_, shape, err := bind(s.defaults, config, nil)
		if err != nil {
			return entry.Batch{}, err
		}
		recordOf[R](shape)
		return sentSchema(shape.written()), nil
	})
}

func (s sourceStep[S, R]) Open(config string, cursor wit.Option[[]byte]) (func() (wit.Option[source.Page], *entry.Error), *entry.Error) {
	return guarded(func() (func() (wit.Option[source.Page], *entry.Error), error) {
		step, shape, err := open(s.defaults, config, nil)
		if err != nil {
			return nil, err
		}
		pages := &pages[S, R]{step: step, rows: s.rows, shape: shape, record: recordOf[R](shape)}
		at, resumed := cursor.Get()
		if resumed {
			pages.cursor = at
		}
		if err := pages.begin(); err != nil {
			return nil, err
		}
		return func() (wit.Option[source.Page], *entry.Error) { return guarded(pages.next) }, nil
	})
}

// guardedRows are the rows, and a panic among them as an error: it says where it came from only while it unwinds.
func guardedRows[R any](rows iter.Seq2[R, error]) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		_, err := recovering(func() (struct{}, error) {
			for row, err := range rows {
				if !yield(row, err) || err != nil {
					break
				}
			}
			return struct{}{}, nil
		})
		if err != nil {
			var none R
			yield(none, err)
		}
	}
}

// pages are the rows of a source, some at a time.
type pages[S, R any] struct {
	step   S
	rows   func(S, uint64) iter.Seq2[R, error]
	shape  *Shape
	record record[R]
	// cursor is where the next page begins: none at the first row.
	cursor []byte
	made   uint64
	// pull gives the next row; none until begun, and after a page that failed.
	pull func() (R, error, bool)
	stop func()
}

// begin begins with the row at the cursor.
func (p *pages[S, R]) begin() error {
	if resumer, ok := any(p.step).(Resumer); ok {
		if p.cursor != nil {
			if err := resumer.Resume(p.cursor); err != nil {
				return err
			}
		}
	} else if p.cursor != nil {
		if len(p.cursor) != 8 {
			return fmt.Errorf("the cursor is not this step's: it has %d bytes, and not 8", len(p.cursor))
		}
		p.made = binary.LittleEndian.Uint64(p.cursor)
	}
	p.shape.reset()
	p.pull, p.stop = iter.Pull2(guardedRows(p.rows(p.step, p.made)))
	return nil
}

// next makes the next page. After one that failed, it is made again: the host may ask for that.
func (p *pages[S, R]) next() (wit.Option[source.Page], error) {
	if p.pull == nil {
		if err := p.begin(); err != nil {
			return wit.None[source.Page](), err
		}
	}
	page, err := p.page()
	if err != nil {
		p.stop()
		p.pull = nil
	}
	return page, err
}

func (p *pages[S, R]) page() (wit.Option[source.Page], error) {
	none, count := wit.None[source.Page](), 0
	for count < pageRows {
		row, err, more := p.pull()
		if !more {
			break
		}
		if err != nil {
			return none, err
		}
		p.record.set(&row)
		if err := p.shape.push(1); err != nil {
			return none, err
		}
		count++
	}
	if count == 0 {
		return none, nil
	}
	columns := p.shape.take(count, false)
	if resumer, ok := any(p.step).(Resumer); ok {
		p.cursor = slices.Clone(resumer.Cursor())
	} else {
		p.made += uint64(count)
		p.cursor = binary.LittleEndian.AppendUint64(nil, p.made)
	}
	return wit.Some(source.Page{Rows: sent(count, p.shape.names(), columns), Cursor: p.cursor}), nil
}
