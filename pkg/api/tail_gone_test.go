package api

import (
	"testing"
	"time"
)

// A client is gone for its silence, unless what it has yet to read explains that.
func TestGone(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	for _, tc := range []struct {
		name                  string
		heard, answered, sent int // seconds
		sending               bool
		want                  time.Duration // after it was heard
	}{
		{"nothing to read", 20, 19, 0, false, pongWait},
		{"it has read all before the ping", 20, 19, 18, false, pongWait},
		{"a frame went out after the ping", 20, 19, 20, false, busyWait},
		{"it answers old pings, which were before the frames", 20, 5, 10, false, busyWait},
		{"it silently takes frame after frame", 20, 19, 70, false, busyWait},
		{"the system takes no more of a frame", 20, 19, 18, true, busyWait},
	} {
		s := &tailing{heard: at(tc.heard), answered: at(tc.answered), sent: at(tc.sent), sending: tc.sending}
		if got := s.goneLocked().Sub(s.heard); got != tc.want {
			t.Errorf("%s: gone after %s, want %s", tc.name, got, tc.want)
		}
	}
}
