package ruler

import (
	"context"
	"log/slog"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

// A logHandler writes what Prometheus' parts log to the program's log.
type logHandler struct{ logger log.Logger }

// Enabled implements [slog.Handler]: the program's log decides.
func (h logHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (h logHandler) Handle(_ context.Context, r slog.Record) error {
	pairs := []any{"msg", r.Message}
	r.Attrs(func(a slog.Attr) bool {
		pairs = append(pairs, a.Key, a.Value.Any())
		return true
	})
	switch {
	case r.Level >= slog.LevelError:
		return level.Error(h.logger).Log(pairs...)
	case r.Level >= slog.LevelWarn:
		return level.Warn(h.logger).Log(pairs...)
	default:
		// What the parts find worth telling is routine here.
		return level.Debug(h.logger).Log(pairs...)
	}
}

// WithAttrs implements [slog.Handler].
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var pairs []any
	for _, a := range attrs {
		pairs = append(pairs, a.Key, a.Value.Any())
	}
	return logHandler{log.With(h.logger, pairs...)}
}

// WithGroup implements [slog.Handler].
func (h logHandler) WithGroup(string) slog.Handler { return h }
