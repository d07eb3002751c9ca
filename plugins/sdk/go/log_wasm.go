package callboard

import "log/slog"

// The log package writes there, too.
func init() { slog.SetDefault(slog.New(newRunLog())) }
