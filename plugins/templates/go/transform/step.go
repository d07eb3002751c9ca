package main

import "callboard"

// WordCount is the step: its configuration, the columns it reads and those it writes.
type WordCount struct {
	_ callboard.About `version:"0.1.0" doc:"Counts the words of each row, and leaves out rows with too few."`

	Text  callboard.In[string] `json:"column" column:"text" doc:"The column of text."`
	Min   int                  `json:"min" minimum:"0" doc:"Rows with fewer words are left out."`
	Words callboard.Out[int]   `column:"n_words"`
}

func main() {
	callboard.Transform(&WordCount{Min: 1}) // the defaults
}

// Row counts the words of one row.
func (s *WordCount) Row(row callboard.Row) error {
	text, ok := s.Text.Get(row)
	if !ok {
		return callboard.Reject("no text")
	}
	words := countWords(text)
	if words < s.Min {
		return callboard.Dropf("%d words, fewer than %d", words, s.Min)
	}
	s.Words.Set(words)
	return nil
}

// countWords counts the runs of characters other than ASCII white space.
func countWords(text string) (words int) {
	space := true
	for _, b := range []byte(text) {
		before := space
		space = b == ' ' || '\t' <= b && b <= '\r'
		if before && !space {
			words++
		}
	}
	return words
}
