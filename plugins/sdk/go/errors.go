package callboard

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"callboard/internal/entry"
	"callboard/internal/host"
	types "callboard/internal/wit/callboard_step_types"
	wit "callboard/internal/wit/types"
)

// ErrorKind says whose fault an error is, and so what the host does about it.
type ErrorKind uint8

// The kinds of errors.
const (
	// BadConfig is a wrong configuration.
	BadConfig = ErrorKind(types.ErrorKind_Config)
	// BadInput says that the step cannot work on these rows.
	BadInput = ErrorKind(types.ErrorKind_Input)
	// Transient says that the same call may succeed later: the host makes it again.
	Transient = ErrorKind(types.ErrorKind_Transient)
	// Failed is everything else, and any error that is not an *Error.
	Failed = ErrorKind(types.ErrorKind_Failed)
)

// Error is an error with a kind, which is passed on to the host. Wrapped errors are found: fmt.Errorf("…: %w", err) keeps the kind.
type Error struct {
	Kind ErrorKind
	// At is the place in the configuration, for BadConfig: a JSON pointer such as /min.
	At  string
	Err error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// ConfigError says what is wrong with the configuration, and where: at is a JSON pointer such as /min.
func ConfigError(at, format string, args ...any) error {
	return &Error{BadConfig, at, fmt.Errorf(format, args...)}
}

// InputError says that the step cannot work on these rows.
func InputError(format string, args ...any) error {
	return &Error{Kind: BadInput, Err: fmt.Errorf(format, args...)}
}

// TransientError says that the same call may succeed later.
func TransientError(format string, args ...any) error {
	return &Error{Kind: Transient, Err: fmt.Errorf(format, args...)}
}

// removal is the fate of a row that is not put out. It is an error so that a step can return it; no run fails by it.
type removal struct {
	fate   types.Fate
	reason string
}

func (r *removal) Error() string { return r.reason }

// Drop leaves the row out, as the step is meant to. Without a reason the row is not listed.
func Drop(reason string) error { return &removal{types.Fate_Dropped, reason} }

// Dropf is [Drop], with a reason in fmt's format.
func Dropf(format string, args ...any) error { return Drop(fmt.Sprintf(format, args...)) }

// Reject says that the step could not handle the row, and why.
func Reject(reason string) error { return &removal{types.Fate_Rejected, reason} }

// Rejectf is [Reject], with a reason in fmt's format.
func Rejectf(format string, args ...any) error { return Reject(fmt.Sprintf(format, args...)) }

// Postpone says that the step could not handle the row now, for a reason that passes, such as a server that is down: it counts as rejected,
// and the next run gives it to the step again.
func Postpone(reason string) error {
	host.TryAgain()
	return Reject(reason)
}

// Postponef is [Postpone], with a reason in fmt's format.
func Postponef(format string, args ...any) error { return Postpone(fmt.Sprintf(format, args...)) }

// asRemoval returns the removal that this error is or wraps.
func asRemoval(err error) (*removal, bool) {
	if removed, ok := err.(*removal); ok {
		return removed, true
	}
	var removed *removal
	ok := errors.As(err, &removed)
	return removed, ok
}

// toHost is the error as the contract has it.
func toHost(err error) *entry.Error {
	var told *Error
	if !errors.As(err, &told) {
		return &entry.Error{Kind: types.ErrorKind_Failed, Message: err.Error()}
	}
	raw := &entry.Error{Kind: types.ErrorKind(told.Kind), Message: err.Error()}
	if told.Kind == BadConfig {
		raw.At = wit.Some(told.At)
	}
	return raw
}

// guarded calls the step. A panic becomes an error that says where in the step it came from.
func guarded[T any](call func() (T, error)) (value T, failure *entry.Error) {
	value, err := recovering(call)
	if err != nil {
		return value, toHost(err)
	}
	return value, nil
}

func recovering[T any](call func() (T, error)) (value T, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = panicked(cause)
		}
	}()
	return call()
}

// misused is what the SDK panics with where a step uses it wrongly: it says so by itself, and needs no more than the place.
type misused struct{ error }

func misuse(format string, args ...any) misused { return misused{fmt.Errorf(format, args...)} }

// panicked describes a panic, called while it unwinds. An [*Error] that was panicked with keeps its kind.
func panicked(cause any) error {
	if wrong, ok := cause.(misused); ok {
		return fmt.Errorf("%w%s", wrong.error, userFrames())
	}
	failed := &Error{Kind: Failed}
	if err, ok := cause.(error); ok {
		errors.As(err, &failed)
	}
	if told, ok := cause.(*Error); ok && told == failed {
		return told
	}
	return &Error{failed.Kind, failed.At, fmt.Errorf("panic: %v%s", cause, userFrames())}
}

// userFrames are the places between the panic and the SDK, the innermost first.
func userFrames() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	var places strings.Builder
	inside := false
	for {
		frame, more := frames.Next()
		// Behind the SDK's own frames come the runtime's, and then those that panicked.
		if frame.Function == "runtime.gopanic" || strings.HasPrefix(frame.Function, "runtime.panic") || frame.Function == "runtime.sigpanic" {
			inside = true
			places.Reset()
		} else if inside && !ofSDK(frame.Function) {
			fmt.Fprintf(&places, "\n  at %s:%d in %s", frame.File, frame.Line, frame.Function)
		}
		if !more || inside && strings.HasPrefix(frame.Function, "callboard.recovering[") {
			return places.String()
		}
	}
}

func ofSDK(function string) bool {
	for _, prefix := range []string{"callboard.", "callboard/internal/", "callboard/callboardtest.", "runtime.", "iter."} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}
