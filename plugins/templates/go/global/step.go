package main

import (
	"strings"

	"callboard"
)

// FirstOfEach is the step: its configuration and the columns it reads.
type FirstOfEach struct {
	_ callboard.About `version:"0.1.0" doc:"Keeps the first row for each value of a column; a second input has values that are known already."`

	Column callboard.In[string] `json:"column" column:"source,all" doc:"The column whose values are told apart."`
}

func main() {
	callboard.Global(&FirstOfEach{})
}

// Run goes through all rows, of each input as often as it likes.
func (s *FirstOfEach) Run(inputs []*callboard.Input, output *callboard.Writer) error {
	known := map[callboard.Maybe[string]]bool{}
	for _, input := range inputs[1:] {
		for row := range input.Rows() {
			known[s.value(row)] = true
		}
	}
	seen := map[callboard.Maybe[string]]bool{}
	for row := range inputs[0].Rows() {
		value := s.Column.Maybe(row)
		switch {
		case known[value]:
			output.Drop(row.Number(), "known")
		case seen[value]:
			output.Drop(row.Number(), "duplicate")
		default:
			seen[s.value(row)] = true
			output.Keep(row.Number())
		}
	}
	return nil
}

// value is a copy of the row's value: what is kept of a row itself keeps all of its batch in memory.
func (s *FirstOfEach) value(row callboard.Row) callboard.Maybe[string] {
	value := s.Column.Maybe(row)
	value.Value = strings.Clone(value.Value)
	return value
}
