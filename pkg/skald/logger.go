package skald

import (
	"io"
	"sync/atomic"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	dslog "github.com/grafana/dskit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// A Logger writes lines at or above a level that may change while it is in use.
type Logger struct {
	base    log.Logger
	current atomic.Pointer[leveled]
}

type leveled struct {
	name string
	log.Logger
}

// NewLogger returns a Logger that writes to w in a format, logfmt or json.
func NewLogger(w io.Writer, format string, lvl dslog.Level, reg prometheus.Registerer) *Logger {
	base := dslog.NewGoKitWithWriter(format, log.NewSyncWriter(w))
	base = log.With(base, "ts", log.DefaultTimestampUTC)
	l := &Logger{base: &counted{base, promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "log_messages_total",
		Help: "Lines that this process has logged, by level.",
	}, []string{"level"})}}
	l.setLevel(lvl)
	return l
}

// Log implements [log.Logger].
func (l *Logger) Log(keyvals ...any) error { return l.current.Load().Log(keyvals...) }

// Level is the level that lines must have at least.
func (l *Logger) Level() string { return l.current.Load().name }

// SetLevel changes the level: debug, info, warn or error.
func (l *Logger) SetLevel(name string) error {
	var lvl dslog.Level
	if err := lvl.Set(name); err != nil {
		return err
	}
	l.setLevel(lvl)
	return nil
}

func (l *Logger) setLevel(lvl dslog.Level) {
	l.current.Store(&leveled{lvl.String(), level.NewFilter(l.base, lvl.Option)})
}

// counted counts the lines that pass.
type counted struct {
	next  log.Logger
	lines *prometheus.CounterVec
}

func (c *counted) Log(keyvals ...any) error {
	for i := 1; i < len(keyvals); i += 2 {
		if v, ok := keyvals[i].(level.Value); ok {
			c.lines.WithLabelValues(v.String()).Inc()
			break
		}
	}
	return c.next.Log(keyvals...)
}
