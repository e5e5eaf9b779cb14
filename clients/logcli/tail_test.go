package logcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/loghttp"
)

// A play is a connection that brings frames and then ends.
type play struct {
	frames []*loghttp.TailFrame
	end    error
}

func (p *play) Next() (*loghttp.TailFrame, error) {
	if len(p.frames) == 0 {
		return nil, p.end
	}
	f := p.frames[0]
	p.frames = p.frames[1:]
	return f, nil
}

func (p *play) Close() {}

func frame(ts int64, lines ...string) *loghttp.TailFrame {
	s := loghttp.Stream{Labels: labels.FromStrings("app", "web")}
	for _, l := range lines {
		s.Entries = append(s.Entries, loghttp.Entry{Timestamp: ts, Line: l})
	}
	return &loghttp.TailFrame{Streams: loghttp.Streams{s}}
}

func TestTailGoesOnWhereItWas(t *testing.T) {
	broken := &websocket.CloseError{Code: websocket.CloseAbnormalClosure, Text: io.ErrUnexpectedEOF.Error()}
	plays := []*play{
		{[]*loghttp.TailFrame{frame(10, "a"), frame(20, "b", "c")}, broken},
		nil, // the server is not back yet
		{[]*loghttp.TailFrame{frame(20, "b", "c", "d"), frame(30, "e")}, &websocket.CloseError{Code: websocket.CloseInternalServerErr, Text: "bad"}},
	}
	var starts []int64
	var waits []time.Duration
	var printed []string
	tl := &tailing{
		open: func(_ context.Context, start int64) (frames, error) {
			starts = append(starts, start)
			p := plays[0]
			plays = plays[1:]
			if p == nil {
				return nil, errors.New("refused")
			}
			return p, nil
		},
		print: func(f *loghttp.TailFrame) error {
			for _, s := range f.Streams {
				for _, e := range s.Entries {
					printed = append(printed, e.Line)
				}
			}
			return nil
		},
		told: t.Logf,
		wait: func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil },
		last: 5,
	}
	err := tl.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "bad") {
		t.Errorf("got %v, want the server's error", err)
	}
	if got := strings.Join(printed, ""); got != "abcde" {
		t.Errorf("printed %s, want abcde", got)
	}
	if !slices.Equal(starts, []int64{5, 20, 20}) {
		t.Errorf("connections began at %v, want 5, 20, 20", starts)
	}
	if !slices.Equal(waits, []time.Duration{time.Second, 2 * time.Second}) {
		t.Errorf("waited %v, want 1s, 2s", waits)
	}
}

func TestTailGivesUp(t *testing.T) {
	opened := 0
	tl := &tailing{
		open: func(context.Context, int64) (frames, error) {
			if opened++; opened == 1 {
				return &play{end: &websocket.CloseError{Code: websocket.CloseGoingAway}}, nil
			}
			return nil, errors.New("refused")
		},
		told: t.Logf,
		wait: func(context.Context, time.Duration) error { return nil },
	}
	if err := tl.run(t.Context()); err == nil || err.Error() != "reconnect the tail, 5 times: refused" {
		t.Errorf("got %v", err)
	}
	if opened != 6 {
		t.Errorf("opened %d connections, want 1 and 5 more", opened)
	}
}

func TestMayReconnect(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{&websocket.CloseError{Code: websocket.CloseAbnormalClosure}, true},
		{&websocket.CloseError{Code: websocket.CloseGoingAway}, true},
		{&websocket.CloseError{Code: websocket.CloseInternalServerErr, Text: "only log selector is supported"}, false},
		{&websocket.CloseError{Code: websocket.CloseInternalServerErr, Text: "reached tail max duration limit"}, true},
		{fmt.Errorf("read: %w", loghttp.ErrMalformed), false},
		{writeError{io.ErrClosedPipe}, false},
	} {
		if got := mayReconnect(tc.err); got != tc.want {
			t.Errorf("%v: got %v, want %v", tc.err, got, tc.want)
		}
	}
}
