package main

import "callboard"

// FirstOfEach is the step: its configuration and the columns it reads.
type FirstOfEach struct {
	_ callboard.About `version:"0.1.0" doc:"Keeps the first row for each value of a column; a second input has values that are known already."`

	Column callboard.In[string] `json:"column" column:"source,all" doc:"The column whose values are told apart."`
}

func main() {
	callboard.Global(&FirstOfEach{})
}

// Declare brings the rows of each value together.
func (s *FirstOfEach) Declare(shape *callboard.Shape) error {
	shape.Gather(callboard.ByKey(s.Column.Name()))
	return nil
}

// Run is called with some of the values at a time, and all rows of these.
func (s *FirstOfEach) Run(inputs []*callboard.Input, output *callboard.Writer) error {
	known := map[uint32]bool{}
	for _, input := range inputs[1:] {
		for group := range input.Groups() {
			known[group.Number] = true
		}
	}
	for group := range inputs[0].Groups() {
		reason := ""
		if known[group.Number] {
			reason = "known"
		}
		for row := range group.Rows() {
			if reason != "" {
				output.Drop(row.Number(), reason)
				continue
			}
			output.Keep(row.Number())
			reason = "duplicate"
		}
	}
	return nil
}
