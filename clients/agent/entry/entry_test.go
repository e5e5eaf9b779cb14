package entry_test

import (
	"strconv"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
)

func TestLabelsFromTheSameChangesAreTheSame(t *testing.T) {
	l := entry.NewLabels(labels.FromStrings("app", "a", "__path__", "/x", entry.Reserved, "t1"))
	if got, want := l.Text(), `{app="a"}`; got != want {
		t.Errorf("text %s, want %s", got, want)
	}
	if got := l.Tenant(); got != "t1" {
		t.Errorf("tenant %q, want t1", got)
	}
	out := l.With("stream", "stdout")
	if got, want := out.Text(), `{app="a", stream="stdout"}`; got != want {
		t.Errorf("text %s, want %s", got, want)
	}
	if l.With("stream", "stdout") != out || out.With("stream", "stdout") != out {
		t.Error("the same change gives other labels")
	}
	if got := out.Without("app").Text(); got != `{stream="stdout"}` {
		t.Errorf("without app: %s", got)
	}
	for i := range 10_000 {
		if got := l.With("n", strconv.Itoa(i)).Get("n"); got != strconv.Itoa(i) {
			t.Fatalf("n is %s, want %d", got, i)
		}
	}
}

func TestLabelsAreFoundWithoutAllocating(t *testing.T) {
	l := entry.NewLabels(labels.FromStrings("app", "a"))
	l.With("stream", "stdout")
	if n := testing.AllocsPerRun(100, func() { l.With("stream", "stdout").Text() }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestMarksJoin(t *testing.T) {
	led := position.NewLedger("c")
	a, b := position.NewTrack(led), position.NewTrack(led)
	mark := func(t *position.Track, start, end int64) entry.Mark {
		return entry.Mark{Track: t, Range: position.Range{Start: start, End: end}, Lines: 1}
	}
	m := entry.Mark{}.Join(mark(a, 0, 5)).Join(mark(a, 5, 9))
	if m.Lines != 2 || m.End != 9 || m.More != nil {
		t.Errorf("neighbours join to %+v", m)
	}
	m = m.Join(mark(a, 20, 30)).Join(mark(a, 30, 40)).Join(mark(b, 0, 7))
	if got := m.Count(); got != 5 {
		t.Errorf("%d lines, want 5", got)
	}
	m.Drop("test")
	if a.Low() != 9 || b.Low() != 7 {
		t.Errorf("positions are %d and %d, want 9 and 7", a.Low(), b.Low())
	}
	a.Skip(position.Range{Start: 9, End: 20})
	if a.Low() != 40 {
		t.Errorf("the position is %d, want 40", a.Low())
	}
	if got := led.Dropped()["test"]; got != 5 {
		t.Errorf("%d lines dropped, want 5", got)
	}
}

func TestClockGivesNoTimeTwice(t *testing.T) {
	var c entry.Clock
	last := int64(0)
	for range 1000 {
		first := c.Next(100)
		if first <= last {
			t.Fatalf("%d is not after %d", first, last)
		}
		last = first + 99
	}
}
