package main

import (
	"callboard"
	"callboard/http"
)

// AskModel is the step: its configuration, the column it reads and the one it writes.
type AskModel struct {
	_ callboard.About `version:"0.1.0" doc:"Asks a model about the prompt of each row."`

	URL    string                `json:"url" doc:"Where the model is."`
	Model  string                `json:"model" doc:"Its name."`
	Prompt callboard.In[string]  `json:"column" column:"prompt" doc:"The column of prompts."`
	Reply  callboard.Out[string] `column:"reply"`
}

func main() {
	callboard.TransformBatches(&AskModel{URL: "http://localhost:8080/v1/chat/completions", Model: "small"}) // the defaults
}

// Batch asks about all rows at once.
func (s *AskModel) Batch(batch *callboard.Batch) error {
	var rows []int
	var requests []http.Request
	for row, prompt := range s.Prompt.Values(batch) {
		if s.Prompt.Null(batch, row) {
			batch.Reject(row, "no prompt")
			continue
		}
		rows = append(rows, row)
		requests = append(requests, http.NewPost(s.URL, map[string]any{
			"model":      s.Model,
			"messages":   []map[string]string{{"role": "user", "content": prompt}},
			"max_tokens": 400,
		}))
	}
	var replies []string
	for i, outcome := range http.All(requests) {
		switch {
		case outcome.Reply != nil:
			reply, err := content(outcome.Reply)
			if err != nil {
				return err
			}
			replies = append(replies, reply)
		case outcome.Failure.Passing():
			batch.Postpone(rows[i], outcome.Failure.Error())
		default:
			batch.Reject(rows[i], outcome.Failure.Error())
		}
	}
	s.Reply.SetValues(replies)
	return nil
}

// content is what the model said.
func content(reply *http.Reply) (string, error) {
	var said struct {
		Choices []struct {
			Message struct{ Content string }
		}
	}
	if err := reply.JSON(&said); err != nil || len(said.Choices) == 0 {
		return "", err
	}
	return said.Choices[0].Message.Content, nil
}
