package main

import "callboard"

// Longest is the step: its configuration and the column it writes.
type Longest struct {
	_ callboard.About `version:"0.1.0" doc:"Keeps the longest texts of each domain, and says how many it has."`

	Most      uint64               `json:"most" doc:"How many texts of each domain are kept."`
	NInDomain callboard.Out[int64] `column:"n_in_domain"`
}

func main() {
	callboard.Global(&Longest{Most: 3})
}

func (s *Longest) Declare(shape *callboard.Shape) error {
	shape.Gather(callboard.ByKey("domain").SortedBy(callboard.Descending("n_chars")))
	return nil
}

func (s *Longest) Run(inputs []*callboard.Input, output *callboard.Writer) error {
	for group := range inputs[0].Groups() {
		var rows []uint64
		for row := range group.Rows() {
			rows = append(rows, row.Number())
		}
		for _, row := range rows[:min(s.Most, uint64(len(rows)))] {
			s.NInDomain.Set(int64(len(rows)))
			output.Keep(row)
		}
	}
	return nil
}
