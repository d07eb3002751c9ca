// Package http asks servers, many requests at once: the host sends them, within the step's grant.http and the limits of [calls], again where
// a server fails for a passing reason, and never once their reply has come.
//
//	requests := make([]http.Request, len(prompts))
//	for i, prompt := range prompts {
//		requests[i] = http.NewPost(s.URL, map[string]any{"prompt": prompt})
//	}
//	for i, outcome := range http.All(requests) {
//		switch {
//		case outcome.Reply != nil:
//			…
//		case outcome.Failure.Passing():
//			batch.Postpone(i, outcome.Failure.Error())
//		default:
//			batch.Reject(i, outcome.Failure.Error())
//		}
//	}
//
// Outside a component nothing is sent: callboardtest.Replies plays replies from a file.
package http

import (
	"encoding/json"
	"fmt"
	"strings"

	"callboard/internal/host"
)

// Request is a request. A secret is not among its headers: the host adds it.
type Request struct {
	// Method is GET, POST and so on.
	Method string
	URL    string
	// Header has a value for each name.
	Header map[string]string
	Body   []byte
	// Attempt tells apart requests that are otherwise equal, for several replies to one prompt: 0, 1, 2 …
	Attempt uint32

	err error
}

// NewGet is a request to get something.
func NewGet(url string) Request { return Request{Method: "GET", URL: url} }

// NewPost is a request to post a value as JSON. One that is no JSON is a failure when it is sent.
func NewPost(url string, value any) Request {
	body, err := json.Marshal(value)
	return Request{Method: "POST", URL: url, Header: map[string]string{"content-type": "application/json"}, Body: body, err: err}
}

// Reply is the reply of a server, of a status of 2xx.
type Reply struct {
	Status int
	// Header has the values by their names in lower case; of several of one name, the first.
	Header map[string]string
	Body   []byte
}

// JSON reads the body into a value, as json.Unmarshal does.
func (r *Reply) JSON(into any) error {
	if err := json.Unmarshal(r.Body, into); err != nil {
		return fmt.Errorf("the reply is not JSON: %w: %s", err, shown(r.Body))
	}
	return nil
}

// Problem is a kind of failure.
type Problem string

// The kinds of failures.
const (
	// Refused: no grant is for the request, or it cannot be sent.
	Refused Problem = "refused"
	// Unreachable: the server was not reached, or broke off, each time that it was asked.
	Unreachable Problem = "unreachable"
	// Timeout: it took too long, each time that it was asked.
	Timeout Problem = "timeout"
	// TooLarge: the reply is larger than the host or the step's limits allow.
	TooLarge Problem = "too-large"
	// Status: the server replied with another status than 2xx.
	Status Problem = "status"
)

// Failure is why a request has no reply to work with, after all repetitions.
type Failure struct {
	Problem Problem
	Message string
	// Reply is what the server replied, if it did.
	Reply *Reply
}

func (f *Failure) Error() string { return f.Message }

// Passing says whether the same request may succeed later: the server was not reached, was late, or said 408, 429 or 5xx.
func (f *Failure) Passing() bool {
	if f.Reply != nil {
		return f.Reply.Status == 408 || f.Reply.Status == 429 || f.Reply.Status >= 500
	}
	return f.Problem == Unreachable || f.Problem == Timeout
}

// Outcome is what came of a request: a reply, or a failure.
type Outcome struct {
	Reply   *Reply
	Failure *Failure
}

// All sends requests, as many at once as the limits allow. The outcomes are in the order of the requests.
func All(requests []Request) []Outcome {
	crossed := make([]host.Request, 0, len(requests))
	for _, request := range requests {
		if request.err == nil {
			crossed = append(crossed, host.Request{
				Method: request.Method, URL: request.URL, Header: request.Header, Body: request.Body, Attempt: request.Attempt,
			})
		}
	}
	sent := host.Send(crossed)
	outcomes := make([]Outcome, len(requests))
	for i, request := range requests {
		if request.err != nil {
			outcomes[i].Failure = &Failure{Problem: Refused, Message: "the request cannot be sent: " + request.err.Error()}
			continue
		}
		outcomes[i], sent = judged(sent[0]), sent[1:]
	}
	return outcomes
}

// Send sends one request; several are better sent together, by All. The error is a *Failure.
func Send(request Request) (*Reply, error) {
	outcome := All([]Request{request})[0]
	if outcome.Failure != nil {
		return nil, outcome.Failure
	}
	return outcome.Reply, nil
}

// Get gets something. The error is a *Failure.
func Get(url string) (*Reply, error) { return Send(NewGet(url)) }

// Post posts a value as JSON. The error is a *Failure.
func Post(url string, value any) (*Reply, error) { return Send(NewPost(url, value)) }

func judged(crossed host.Outcome) Outcome {
	if crossed.Problem != "" {
		return Outcome{Failure: &Failure{Problem: Problem(crossed.Problem), Message: crossed.Message}}
	}
	header := make(map[string]string, len(crossed.Header))
	for _, named := range crossed.Header {
		name := strings.ToLower(named[0])
		if _, ok := header[name]; !ok {
			header[name] = named[1]
		}
	}
	reply := &Reply{Status: crossed.Status, Header: header, Body: crossed.Body}
	if 200 <= reply.Status && reply.Status < 300 {
		return Outcome{Reply: reply}
	}
	message := fmt.Sprintf("the server replied %d: %s", reply.Status, shown(reply.Body))
	return Outcome{Failure: &Failure{Problem: Status, Message: message, Reply: reply}}
}

// The bytes of a body that a message shows.
const most = 300

func shown(body []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), most)]), "\ufffd")), " ")
	if len(body) > most {
		text += "…"
	}
	return text
}
