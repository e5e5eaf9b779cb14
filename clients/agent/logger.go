package agent

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

// A Logger writes lines at or above a level, which may change.
type Logger struct {
	base    log.Logger
	leveled atomic.Pointer[log.Logger]
}

// NewLogger returns a logger that writes to w in a format, logfmt or json.
func NewLogger(w io.Writer, format, lvl string) (*Logger, error) {
	w = log.NewSyncWriter(w)
	l := &Logger{}
	switch format {
	case "logfmt", "":
		l.base = log.NewLogfmtLogger(w)
	case "json":
		l.base = log.NewJSONLogger(w)
	default:
		return nil, fmt.Errorf("log.format is %q: use logfmt or json", format)
	}
	l.base = log.With(l.base, "ts", log.DefaultTimestampUTC)
	return l, l.SetLevel(lvl)
}

// Log implements [log.Logger].
func (l *Logger) Log(keyvals ...any) error { return (*l.leveled.Load()).Log(keyvals...) }

// SetLevel changes the level: debug, info, warn or error.
func (l *Logger) SetLevel(name string) error {
	v, err := level.Parse(name)
	if err != nil {
		return fmt.Errorf("log.level is %q: use debug, info, warn or error", name)
	}
	leveled := level.NewFilter(l.base, level.Allow(v))
	l.leveled.Store(&leveled)
	return nil
}

// slogHandler lets libraries that log with package slog log with ours.
type slogHandler struct {
	to     log.Logger
	prefix string
}

func (h slogHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

func (h slogHandler) Handle(_ context.Context, r slog.Record) error {
	to := level.Info(h.to)
	switch {
	case r.Level >= slog.LevelError:
		to = level.Error(h.to)
	case r.Level >= slog.LevelWarn:
		to = level.Warn(h.to)
	case r.Level < slog.LevelInfo:
		to = level.Debug(h.to)
	}
	kv := []any{"msg", r.Message}
	r.Attrs(func(a slog.Attr) bool {
		kv = append(kv, h.prefix+a.Key, a.Value.String())
		return true
	})
	return to.Log(kv...)
}

func (h slogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	kv := make([]any, 0, 2*len(attrs))
	for _, a := range attrs {
		kv = append(kv, h.prefix+a.Key, a.Value.String())
	}
	return slogHandler{log.With(h.to, kv...), h.prefix}
}

func (h slogHandler) WithGroup(name string) slog.Handler {
	return slogHandler{h.to, h.prefix + name + "_"}
}
