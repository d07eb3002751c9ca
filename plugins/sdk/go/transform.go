package callboard

import (
	"callboard/internal/entry"
	transform "callboard/internal/wit/callboard_step_transform"
)

// A RowStep works on one row at a time. It returns nil for a row that is put out, with what the step's columns were [Out.Set] to; [Drop] or
// [Reject] for one that is not; and any other error to end the run. The fate of a row depends on the configuration and that row
// alone: the host runs several instances, and cuts batches where it likes.
type RowStep interface {
	Row(row Row) error
}

// A BatchStep works on a batch of columns at a time; as to what it may depend on it is like a [RowStep].
type BatchStep interface {
	Batch(batch *Batch) error
}

// Transform makes the program a step that works on one row at a time. The defaults are those of its configuration.
func Transform(defaults RowStep) {
	registerTransform(transformStep[RowStep]{defaults, byRows})
}

// TransformBatches makes the program a step that works on one batch at a time.
func TransformBatches(defaults BatchStep) {
	registerTransform(transformStep[BatchStep]{defaults, BatchStep.Batch})
}

func registerTransform[S any](step transformStep[S]) {
	entry.Register(entry.Registration{Manifest: manifestOf(step.defaults), Step: step})
}

// byRows does a row step's work on a batch.
func byRows(step RowStep, batch *Batch) error {
	result := batch.result
	result.byRows = true
	for i := range batch.rows {
		before := len(result.origins)
		err := step.Row(Row{batch, i})
		if err := result.settle(i, len(result.origins) > before, err); err != nil {
			return err
		}
	}
	return nil
}

// transformStep is a transform as the host sees it.
type transformStep[S any] struct {
	defaults S
	work     func(S, *Batch) error
}

func (t transformStep[S]) Declare(config string, input entry.Batch) (transform.Shape, *entry.Error) {
	return guarded(func() (transform.Shape, error) {
		schema, _ := received(input)
		_, shape, err := bind(t.defaults, config, []Schema{schema})
		if err != nil {
			return transform.Shape{}, err
		}
		return transform.Shape{Reads: shape.reads[0], Writes: sentSchema(shape.written()), Drops: shape.drops}, nil
	})
}

func (t transformStep[S]) Open(config string, input entry.Batch) (func(entry.Batch) (transform.Output, *entry.Error), *entry.Error) {
	return guarded(func() (func(entry.Batch) (transform.Output, *entry.Error), error) {
		schema, _ := received(input)
		step, shape, err := open(t.defaults, config, []Schema{schema})
		if err != nil {
			return nil, err
		}
		return func(rows entry.Batch) (transform.Output, *entry.Error) {
			return guarded(func() (transform.Output, error) { return t.process(step, shape, rows) })
		}, nil
	})
}

func (t transformStep[S]) process(step S, shape *Shape, rows entry.Batch) (transform.Output, error) {
	shape.reset()
	_, columns := received(rows)
	count := int(rows.Rows)
	result := newResult(shape, count)
	batch := &Batch{rows: count, columns: columns, views: make([]any, shape.slots), result: result}
	if err := t.work(step, batch); err != nil {
		return transform.Output{}, err
	}
	return result.output(), nil
}
