package main

import (
	"fmt"
	"iter"

	"callboard"
)

// Sequence is the step: its configuration.
type Sequence struct {
	_ callboard.About `version:"0.1.0" doc:"Makes numbered rows."`

	Start int64  `json:"start" doc:"The first number."`
	Count uint64 `json:"count" doc:"How many rows there are."`
}

// Numbered is a row that the step makes.
type Numbered struct {
	N    int64  `column:"n"`
	Text string `column:"text"`
}

func main() {
	callboard.Source(&Sequence{Start: 1, Count: 10}) // the defaults
}

// Rows makes the rows, but for the first ones that were made before the run was interrupted.
func (s *Sequence) Rows(skip uint64) iter.Seq[Numbered] {
	return func(yield func(Numbered) bool) {
		for i := skip; i < s.Count; i++ {
			n := s.Start + int64(i)
			if !yield(Numbered{n, fmt.Sprintf("row %d", n)}) {
				return
			}
		}
	}
}
