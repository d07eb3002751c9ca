package callboard

import (
	"bytes"
	"context"
	"log/slog"
	"strings"

	"callboard/internal/host"
)

// LevelTrace is the level below [slog.LevelDebug].
const LevelTrace = slog.Level(-8)

// Count adds to a number in the run's report and metrics: tokens, calls, cost.
func Count(name string, amount int64) { host.Count(name, amount) }

// runLog is a slog handler that writes to the run's log: the message, and the attributes behind it as key=value.
type runLog struct {
	attributes slog.Handler
	text       *bytes.Buffer
}

func newRunLog() slog.Handler {
	text := new(bytes.Buffer)
	onlyAttributes := func(groups []string, attribute slog.Attr) slog.Attr {
		builtIn := attribute.Key == slog.TimeKey || attribute.Key == slog.LevelKey || attribute.Key == slog.MessageKey
		if len(groups) == 0 && builtIn {
			return slog.Attr{}
		}
		return attribute
	}
	options := &slog.HandlerOptions{Level: LevelTrace, ReplaceAttr: onlyAttributes}
	return runLog{slog.NewTextHandler(text, options), text}
}

func (l runLog) Enabled(context.Context, slog.Level) bool { return true }

func (l runLog) Handle(ctx context.Context, record slog.Record) error {
	l.text.Reset()
	if err := l.attributes.Handle(ctx, record); err != nil {
		return err
	}
	line := record.Message
	if attributes := strings.TrimSpace(l.text.String()); attributes != "" {
		line += " " + attributes
	}
	host.Log(hostLevel(record.Level), line)
	return nil
}

func (l runLog) WithAttrs(attributes []slog.Attr) slog.Handler {
	return runLog{l.attributes.WithAttrs(attributes), l.text}
}

func (l runLog) WithGroup(name string) slog.Handler {
	return runLog{l.attributes.WithGroup(name), l.text}
}

func hostLevel(level slog.Level) uint8 {
	switch {
	case level < slog.LevelDebug:
		return host.Trace
	case level < slog.LevelInfo:
		return host.Debug
	case level < slog.LevelWarn:
		return host.Info
	case level < slog.LevelError:
		return host.Warn
	}
	return host.Error
}
