package tests

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callboard"
	"callboard/callboardtest"
	"callboard/http"
)

const chat = "http://localhost:1/v1/chat"

type ask struct {
	Text callboard.In[string]  `column:"text"`
	Said callboard.Out[string] `column:"said"`
}

func (s *ask) Batch(batch *callboard.Batch) error {
	texts := s.Text.Values(batch)
	said := make([]string, 0, batch.Len())
	requests := make([]http.Request, len(texts))
	for i, text := range texts {
		requests[i] = http.NewPost(chat, map[string]string{"text": text})
	}
	for i, outcome := range http.All(requests) {
		switch {
		case outcome.Reply != nil:
			var reply struct{ Said string }
			if err := outcome.Reply.JSON(&reply); err != nil {
				return err
			}
			said = append(said, reply.Said)
		case outcome.Failure.Passing():
			batch.Postpone(i, outcome.Failure.Error())
		default:
			batch.Reject(i, outcome.Failure.Error())
		}
	}
	s.Said.SetValues(said)
	return nil
}

func played(t *testing.T, lines ...string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "replies.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	callboardtest.Replies(t, path)
}

func line(text, reply string) string {
	return `{"method":"POST","url":"` + chat + `","body":{"text":"` + text + `"},` + reply + `}`
}

func TestRepliesArePlayed(t *testing.T) {
	played(t, line("a", `"reply":{"status":200,"body":{"said":"A"}}`), line("b", `"reply":{"status":503,"body":"down"}`),
		line("c", `"reply":{"status":400,"body":"no"}`))
	rows := `{"text":"a"}
		{"text":"b"}
		{"text":"c"}
		{"text":"d"}`
	outcome, err := callboardtest.Run(batches(&ask{}), `{}`, rows)
	if err != nil {
		t.Fatal(err)
	}
	outcome.Expect(t,
		`{"text":"a","said":"A"}`,
		`row 1 rejected: the server replied 503: down`,
		`row 2 rejected: the server replied 400: no`,
		`row 3 rejected: no reply is recorded for this request: POST `+chat+` {"text":"d"}`)
}

func TestOneRequestHasATypedError(t *testing.T) {
	played(t, line("a", `"reply":{"status":200,"headers":[["Content-Type","x"]],"body":{"said":"é"}}`),
		line("a", `"attempt":1,"reply":{"status":200,"body":{"said":"B"}}`), line("b", `"reply":{"status":429,"body":"slow"}`),
		line("c", `"reply":{"status":200,"body":"no json"}`))
	reply, err := http.Post(chat, map[string]string{"text": "a"})
	if err != nil || string(reply.Body) != `{"said":"é"}` || reply.Header["content-type"] != "x" {
		t.Errorf("%v %v", reply, err)
	}
	again := http.NewPost(chat, map[string]string{"text": "a"})
	again.Attempt = 1
	if reply, err := http.Send(again); err != nil || string(reply.Body) != `{"said":"B"}` {
		t.Errorf("%v %v", reply, err)
	}
	var failure *http.Failure
	_, err = http.Post(chat, map[string]string{"text": "b"})
	if !errors.As(err, &failure) || !failure.Passing() || failure.Problem != http.Status || failure.Reply.Status != 429 {
		t.Errorf("%v", err)
	}
	if _, err = http.Get(chat); !errors.As(err, &failure) || failure.Passing() || failure.Problem != http.Refused {
		t.Errorf("%v", err)
	}
	if _, err = http.Post(chat, func() {}); !errors.As(err, &failure) || !strings.Contains(failure.Message, "cannot be sent") {
		t.Errorf("%v", err)
	}
	reply, err = http.Post(chat, map[string]string{"text": "c"})
	if err != nil || !strings.Contains(reply.JSON(&struct{}{}).Error(), "the reply is not JSON") {
		t.Errorf("%v %v", reply, err)
	}
}

type later struct {
	Text callboard.In[string] `column:"text"`
}

func (s *later) Row(callboard.Row) error { return callboard.Postponef("not %s", "now") }

func TestARowIsPostponed(t *testing.T) {
	outcome, err := callboardtest.Run(transform(&later{}), `{}`, `{"text":"a"}`)
	if err != nil {
		t.Fatal(err)
	}
	outcome.Expect(t, `row 0 rejected: not now`)
}
