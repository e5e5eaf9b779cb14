package tail

import (
	"context"
	"time"
)

// polls looks at streams until ctx is done: at those that were written to of
// late each time, and at the others in turn.
func (t *Tailer) polls(ctx context.Context) {
	tick := time.NewTicker(t.opts.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.poll(time.Now())
		}
	}
}

func (t *Tailer) poll(now time.Time) {
	for _, s := range t.due(now) {
		s.mu.Lock()
		ready := s.look(now)
		s.mu.Unlock()
		t.mu.Lock()
		if ready || !s.wakeAt.IsZero() && !s.wakeAt.After(now) {
			t.enqueueLocked(s)
		}
		cold := s.state == idle && s.wakeAt.IsZero() && now.Sub(s.active) > hotFor
		closing := s.state == idle && (now.Sub(s.active) > openFor || !t.mayOpen())
		if cold {
			delete(t.hot, s)
		}
		t.mu.Unlock()
		if closing {
			s.rest(cold)
		}
	}
	t.metrics.open.Set(float64(t.opened.Load()))
}

// due returns the streams to look at now.
func (t *Tailer) due(now time.Time) []*stream {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]*stream, 0, len(t.hot)+min(len(t.sweep), sweepPerPoll))
	for s := range t.hot {
		out = append(out, s)
	}
	// Where folders are watched, changes come as events, and a round may take as
	// long as patterns take to be matched again.
	n := min(len(t.sweep), sweepPerPoll)
	if t.watch != nil && !t.watch.blind() {
		n = min(n, 1+len(t.sweep)*int(t.opts.Poll/time.Millisecond)/int(max(time.Millisecond, t.opts.Sync)/time.Millisecond))
	}
	for _, s := range t.sweep[:n] {
		if _, hot := t.hot[s]; !hot {
			out = append(out, s)
		}
	}
	t.sweep = append(t.sweep[n:], t.sweep[:n]...)
	return out
}

// rest closes the file of a stream that has nothing to read.
func (s *stream) rest(cold bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.current()
	if g == nil || g.pending() {
		return
	}
	s.close(g)
	if cold && s.labels != nil {
		s.labels.Forget()
	}
}
