package stdin_test

import (
	"context"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/target/stdin"
	"github.com/skaldlogs/skald/clients/agent/target/targettest"
)

func TestStdin(t *testing.T) {
	c := targettest.New()
	long := strings.Repeat("x", 200_000)
	in := strings.NewReader("one\r\n\ntwo\n" + long + "\nlast without an end")
	s := stdin.New(in, entry.NewLabels(labels.FromStrings("job", "stdin")), c.Options(t, ""))
	if err := s.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	got := c.Wait(t, 4)
	for i, want := range []string{"one", "two", long, "last without an end"} {
		if got[i].Line != want || got[i].Labels != `{job="stdin"}` {
			t.Errorf("entry %d is %.40s", i, got[i])
		}
	}
	if c.Flushed() != 1 {
		t.Errorf("flushed %d times at the end, want once", c.Flushed())
	}
}

func TestEndlessLineIsCut(t *testing.T) {
	c := targettest.New()
	s := stdin.New(strings.NewReader(strings.Repeat("x", 9<<20)), entry.NewLabels(labels.EmptyLabels()), c.Options(t, ""))
	if err := s.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, e := range c.Wait(t, 3) {
		total += len(e.Line)
	}
	if total != 9<<20 {
		t.Errorf("%d bytes came, want all", total)
	}
}
