package send

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"github.com/skaldlogs/skald/clients/agent/bytesize"
	"github.com/skaldlogs/skald/clients/agent/entry"
)

// LimitsConfig is the block limits_config.
type LimitsConfig struct {
	ReadlineRateEnabled bool    `yaml:"readline_rate_enabled"`
	ReadlineRate        float64 `yaml:"readline_rate"`
	ReadlineBurst       int     `yaml:"readline_burst"`
	ReadlineRateDrop    bool    `yaml:"readline_rate_drop"`
	// MaxStreams is how many streams the agent sends; 0 is no limit.
	MaxStreams int `yaml:"max_streams"`
	// MaxLineSize is in bytes; 0 is no limit.
	MaxLineSize         bytesize.Size `yaml:"max_line_size"`
	MaxLineSizeTruncate bool          `yaml:"max_line_size_truncate"`
}

// Validate reports settings that cannot work.
func (c *LimitsConfig) Validate() error {
	switch {
	case c.ReadlineRateEnabled && (c.ReadlineRate <= 0 || c.ReadlineBurst <= 0):
		return fmt.Errorf("limits_config: readline_rate %v and readline_burst %d: give numbers above 0", c.ReadlineRate, c.ReadlineBurst)
	case c.MaxStreams < 0:
		return fmt.Errorf("limits_config: max_streams is %d: give a number, or 0 for no limit", c.MaxStreams)
	}
	return nil
}

// RateDropReason is what lines above readline_rate are dropped under.
const RateDropReason = "global_rate_limiter_drop"

// A Gate applies the limits of limits_config to entries on their way to clients.
type Gate struct {
	cfg     LimitsConfig
	to      Fan
	limiter *rate.Limiter // nil for none
	dropped func(reason string)

	mu      sync.Mutex
	streams map[string]struct{} // seen; up to MaxStreams
}

// NewGate returns a gate before clients. dropped is told of each line that the
// rate limit drops.
func NewGate(cfg LimitsConfig, to Fan, dropped func(reason string)) *Gate {
	g := &Gate{cfg: cfg, to: to, dropped: dropped, streams: map[string]struct{}{}}
	if cfg.ReadlineRateEnabled {
		g.limiter = rate.NewLimiter(rate.Limit(cfg.ReadlineRate), cfg.ReadlineBurst)
	}
	return g
}

// Put implements [entry.Sink].
func (g *Gate) Put(ctx context.Context, entries []entry.Entry) error {
	if g.limiter == nil && g.cfg.MaxStreams == 0 && g.cfg.MaxLineSize == 0 {
		return g.to.Put(ctx, entries)
	}
	kept := entries[:0]
	for i := range entries {
		e := &entries[i]
		ok, err := g.admit(ctx, e)
		if err != nil {
			return err
		}
		if ok {
			kept = append(kept, *e)
		}
	}
	return g.to.Put(ctx, kept)
}

func (g *Gate) admit(ctx context.Context, e *entry.Entry) (bool, error) {
	if g.limiter != nil {
		if g.cfg.ReadlineRateDrop && !g.limiter.Allow() {
			g.dropped(RateDropReason)
			e.Mark.Drop(RateDropReason)
			return false, nil
		} else if !g.cfg.ReadlineRateDrop {
			if err := g.limiter.Wait(ctx); err != nil {
				return false, err
			}
		}
	}
	if limit := int(g.cfg.MaxLineSize); limit > 0 && len(e.Line) > limit {
		if !g.cfg.MaxLineSizeTruncate {
			g.drop(e, reasonLineTooLong)
			return false, nil
		}
		cut := limit
		for cut > 0 && !utf8.RuneStart(e.Line[cut]) {
			cut--
		}
		for _, c := range g.to {
			c.metrics.mutatedEntries.WithLabelValues(c.cfg.host(), c.tenant(e), reasonLineTooLong).Inc()
			c.metrics.mutatedBytes.WithLabelValues(c.cfg.host(), c.tenant(e), reasonLineTooLong).Add(float64(len(e.Line) - cut))
		}
		e.Line = e.Line[:cut]
	}
	if g.cfg.MaxStreams > 0 && !g.known(e.Labels.Text()) {
		g.drop(e, reasonStreamLimited)
		return false, nil
	}
	return true, nil
}

// known reports whether a stream is one of those that are sent.
func (g *Gate) known(text string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.streams[text]; ok {
		return true
	}
	if len(g.streams) >= g.cfg.MaxStreams {
		return false
	}
	g.streams[strings.Clone(text)] = struct{}{}
	return true
}

func (g *Gate) drop(e *entry.Entry, reason string) {
	for _, c := range g.to {
		c.metrics.droppedEntries.WithLabelValues(c.cfg.host(), c.tenant(e), reason).Inc()
		c.metrics.droppedBytes.WithLabelValues(c.cfg.host(), c.tenant(e), reason).Add(float64(len(e.Line)))
	}
	e.Mark.Drop(reason)
}
