package canary

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestLedger tells what becomes of entries, and what of it is counted.
func TestLedger(t *testing.T) {
	at := func(s float64) time.Time { return time.Unix(1000, 0).Add(time.Duration(s * float64(time.Second))) }
	type counted struct{ wsMissing, missing, outOfOrder, duplicates, unexpected float64 }
	for _, tc := range []struct {
		name string
		do   func(l *ledger)
		want counted
	}{
		{"received in order", func(l *ledger) {
			l.write(11, at(0), false)
			l.write(12, at(0), false)
			l.received(11, at(1))
			l.received(12, at(1))
			l.overdue(at(100))
		}, counted{}},
		{"received out of order", func(l *ledger) {
			l.write(11, at(0), false)
			l.write(12, at(0), false)
			l.received(12, at(1))
			l.received(11, at(1))
		}, counted{outOfOrder: 1}},
		{"written out of order", func(l *ledger) {
			l.write(12, at(0), false)
			l.write(11, at(0), true)
			l.received(12, at(1))
			l.received(11, at(1))
		}, counted{}},
		{"received twice", func(l *ledger) {
			l.write(11, at(0), false)
			l.received(11, at(1))
			l.received(11, at(1))
		}, counted{duplicates: 1}},
		{"received again after a reconnect", func(l *ledger) {
			l.write(11, at(0), false)
			l.received(11, at(1))
			l.connected()
			l.received(11, at(1))
		}, counted{}},
		{"never written", func(l *ledger) { l.received(11, at(1)) }, counted{unexpected: 1}},
		{"of an earlier canary", func(l *ledger) { l.received(9, at(1)) }, counted{}},
		{"found by a query", func(l *ledger) {
			l.write(11, at(0), false)
			list := l.overdue(at(10))
			l.queried(list, map[int64]bool{11: true}, at(10))
			l.queried(l.overdue(at(60)), nil, at(60))
		}, counted{wsMissing: 1}},
		{"found by a query and then by the tail", func(l *ledger) {
			l.write(11, at(0), false)
			l.queried(l.overdue(at(10)), map[int64]bool{11: true}, at(10))
			l.received(11, at(11))
		}, counted{wsMissing: 1}},
		{"late", func(l *ledger) {
			l.write(11, at(0), false)
			l.queried(l.overdue(at(10)), nil, at(10))
			l.received(11, at(11))
			l.queried(l.overdue(at(60)), nil, at(60))
		}, counted{wsMissing: 1}},
		{"missing", func(l *ledger) {
			l.write(11, at(0), false)
			l.queried(l.overdue(at(10)), nil, at(10))
			l.queried(l.overdue(at(29)), nil, at(29))
			l.queried(l.overdue(at(30)), nil, at(30))
			l.queried(l.overdue(at(31)), nil, at(31))
		}, counted{wsMissing: 1, missing: 1}},
		{"not asked for yet", func(l *ledger) {
			l.write(11, at(0), false)
			l.queried(l.overdue(at(9)), nil, at(9))
		}, counted{}},
	} {
		m := newMetrics(10, prometheus.NewRegistry())
		l := newLedger(10*time.Second, 30*time.Second, 10, m)
		tc.do(l)
		got := counted{
			testutil.ToFloat64(m.wsMissing), testutil.ToFloat64(m.missing), testutil.ToFloat64(m.outOfOrder),
			testutil.ToFloat64(m.duplicates), testutil.ToFloat64(m.unexpected),
		}
		if got != tc.want {
			t.Errorf("%s: got %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

func TestLedgerForgets(t *testing.T) {
	now := time.Unix(1000, 0)
	l := newLedger(time.Second, 2*time.Second, 0, newMetrics(10, prometheus.NewRegistry()))
	for ts := range int64(100) {
		l.write(ts, now, false)
		l.received(ts, now)
	}
	l.overdue(now.Add(3 * time.Second))
	if len(l.settled)+len(l.open) != 0 {
		t.Errorf("%d entries are remembered", len(l.settled)+len(l.open))
	}
}

func TestLine(t *testing.T) {
	const ts = 1718000000000000001
	text := line(ts, 30)
	if want := "1718000000000000001 ppppppppp\n"; text != want {
		t.Errorf("got %q, want %q", text, want)
	}
	for text, want := range map[string]bool{text: true, line(ts, 5): true, "": false, "x": false, "17180000000000000x1 p": false, "1718000000000000001p": false} {
		if got, ok := parseLine(text); ok != want || ok && got != ts {
			t.Errorf("%q: got %d, %v", text, got, ok)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add(line(1718000000000000001, 100))
	f.Fuzz(func(t *testing.T, text string) {
		ts, ok := parseLine(text)
		if !ok {
			return
		}
		if again, ok := parseLine(line(ts, 0)); !ok || again != ts {
			t.Errorf("%q: %d does not read again", text, ts)
		}
	})
}

func TestCounts(t *testing.T) {
	c := &counts{keep: 100, bySecond: map[int64]int64{}}
	for s := range int64(1000) {
		c.add(s*1e9 + 5)
	}
	if got := c.sum(1000, 100); got != 100 {
		t.Errorf("got %d, want 100", got)
	}
	if len(c.bySecond) > 160 {
		t.Errorf("%d seconds are remembered", len(c.bySecond))
	}
}

func TestValidate(t *testing.T) {
	for args, want := range map[string]string{
		"":                          "-addr or $LOKI_ADDRESS must name the server, as in loki:3100",
		"http://x":                  "-addr http://x: it is a host and port without a scheme; -tls chooses https",
		"x -insecure":               "-cert-file, -key-file, -ca-file and -insecure go with -tls",
		"x -logs-batch-size=21":     "-logs-batch-size must be 0 to 20 (-logs-batch-size-max)",
		"x -labels=a":               `-labels: "a" is not of the form name=value`,
		"x -interval=0s":            "-interval must be more than 0",
		"x -labels=a=b,c=d -size=1": "",
	} {
		cfg := parseConfig(t, args)
		if err := cfg.Validate(); (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
}
