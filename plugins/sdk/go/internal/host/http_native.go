//go:build !wasm

package host

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// Played are requests and their replies, as `callboard step test --record` writes them.
type played struct {
	Method  string `json:"method"`
	URL     string `json:"url"`
	Body    any    `json:"body"`
	Attempt uint32 `json:"attempt"`
	Reply   struct {
		Status  int         `json:"status"`
		Headers [][2]string `json:"headers"`
		Body    any         `json:"body"`
	} `json:"reply"`
}

var plays []played

// Play plays these lines, in place of those that were played before.
func Play(lines []byte) error {
	plays = nil
	for number, line := range bytes.Split(lines, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var one played
		if err := json.Unmarshal(line, &one); err != nil {
			return fmt.Errorf("line %d is not a request and its reply: %w", number+1, err)
		}
		plays = append(plays, one)
	}
	return nil
}

// Send gives the replies that are played; what is not among them is refused.
func Send(requests []Request) []Outcome {
	outcomes := make([]Outcome, len(requests))
	for i, request := range requests {
		outcomes[i] = play(request)
	}
	return outcomes
}

func play(request Request) Outcome {
	asked := value(request.Body)
	for _, one := range plays {
		if one.Method == request.Method && one.URL == request.URL && one.Attempt == request.Attempt && reflect.DeepEqual(one.Body, asked) {
			outcome := Outcome{Status: one.Reply.Status, Header: one.Reply.Headers}
			switch said := one.Reply.Body.(type) {
			case nil:
			case string:
				outcome.Body = []byte(said)
			default:
				outcome.Body, _ = json.Marshal(said)
			}
			return outcome
		}
	}
	return Outcome{
		Problem: "refused",
		Message: fmt.Sprintf("no reply is recorded for this request: %s %s %s", request.Method, request.URL, request.Body),
	}
}

// value is a body as the file has it: JSON if it is an object or a list, else text.
func value(body []byte) any {
	if len(body) == 0 {
		return nil
	}
	var parsed any
	if json.Unmarshal(body, &parsed) == nil {
		switch parsed.(type) {
		case map[string]any, []any:
			return parsed
		}
	}
	return string(body)
}

// TryAgain says that the call rejects rows for a reason that passes: of no use in a test.
func TryAgain() {}
