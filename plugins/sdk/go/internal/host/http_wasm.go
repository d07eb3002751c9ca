package host

import (
	http "callboard/internal/wit/callboard_step_http"
	"callboard/internal/wit/runtime"
	wit "callboard/internal/wit/types"
)

var problems = [...]string{"refused", "unreachable", "timeout", "too-large"}

// Send sends requests.
func Send(requests []Request) []Outcome {
	crossed := make([]http.Request, len(requests))
	for i, request := range requests {
		headers := make([]http.Header, 0, len(request.Header))
		for name, value := range request.Header {
			headers = append(headers, http.Header{Name: name, Value: value})
		}
		crossed[i] = http.Request{Method: request.Method, Url: request.URL, Headers: headers, Body: request.Body, Attempt: request.Attempt}
	}
	var results []wit.Result[http.Reply, http.Failure]
	runtime.Quietly(func() { results = http.Send(crossed) })
	runtime.Unpin()
	outcomes := make([]Outcome, 0, len(requests))
	for _, result := range results {
		if result.Tag() == wit.ResultErr {
			failure := result.Err()
			outcomes = append(outcomes, Outcome{Problem: problems[failure.Kind], Message: failure.Message})
			continue
		}
		reply := result.Ok()
		outcome := Outcome{Status: int(reply.Status), Body: reply.Body}
		for _, header := range reply.Headers {
			outcome.Header = append(outcome.Header, [2]string{header.Name, header.Value})
		}
		outcomes = append(outcomes, outcome)
	}
	return outcomes
}

// TryAgain says that the call rejects rows for a reason that passes.
func TryAgain() { http.TryAgain() }
