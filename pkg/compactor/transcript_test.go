package compactor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/deletes"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// A script is a machine whose segments have numbers, in the order in which they
// are first shown.
type script struct {
	*machine
	numbers  map[ulid.ULID]int
	requests []ulid.ULID // delete requests, in the order of their acceptance
	free     uint64
}

// TestTranscripts runs the states of a bucket as scripts. Verbs, one a block:
//
//	config [retention] [cancel=d] [segment=n] [store=n] [free=n]   settings; what is not named is off; n in bytes,
//	                                                    the store's in hundredths of what it has now
//	limits [tenant=…] [period=…]                        retention_period, and on each line below: selector priority period
//	flush tenant=… at=… [span=…] [rows=n] [pod=…] [ingester=…] [held]
//	                                                    a segment of level 0, at a time of the machine's first day or
//	                                                    in h, m, s from its start; held: not released
//	release                                             releases all
//	wait d                                              moves the clock
//	delete [tenant=…] [from=…] [to=…]                   accepts the delete request on the line below, of the times from…to
//	cancel n [force]                                    takes the n-th request back
//	deletes [tenant=…]                                  the requests and how far they are, and what each receipt says
//	restart                                             ends the process and starts it again
//	pass, compact                                       what the interval does, and POST /compact
//	sweep                                               what the store does by itself, an hour and more after death
//	disk free=n                                         how much of the disk is free
//	show [tenant=…]                                     the live segments, how many are dead, how many objects there are
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		s := &script{machine: newMachine(t), numbers: map[ulid.ULID]int{}, free: 1 << 40}
		datadriven.RunTest(t, path, s.step)
	})
}

func (s *script) step(t *testing.T, d *datadriven.TestData) string {
	s.t = t
	tenant := "t"
	d.MaybeScanArgs(t, "tenant", &tenant)
	switch d.Cmd {
	case "config":
		return s.configure(d)
	case "limits":
		return s.limit(d)
	case "flush":
		return s.flushOne(d, tenant)
	case "release":
		s.release()
		return "ok"
	case "wait":
		s.clock = s.clock.Add(s.duration(d.CmdArgs[0].Key))
		return s.clock.Format("Jan 2 15:04")
	case "delete":
		return s.delete(d, tenant)
	case "cancel":
		n := 0
		if _, err := fmt.Sscan(d.CmdArgs[0].Key, &n); err != nil {
			t.Fatal(err)
		}
		return s.outcome(s.compactor.CancelDelete(t.Context(), tenant, s.requests[n-1], d.HasArg("force")))
	case "deletes":
		return s.showDeletes(tenant)
	case "restart":
		s.on()
		return "ok"
	case "pass":
		return s.outcome(s.compactor.pass(t.Context(), false))
	case "compact":
		return s.outcome(s.compactor.Compact(t.Context()))
	case "sweep":
		return s.outcome(s.store.Sweep(t.Context(), storage.Ages{Orphaned: 24 * time.Hour}))
	case "disk":
		d.ScanArgs(t, "free", &s.free)
		return "ok"
	case "show":
		return s.show(tenant)
	}
	t.Fatalf("%s: unknown verb %s", d.Pos, d.Cmd)
	return ""
}

func (s *script) outcome(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func (s *script) duration(text string) time.Duration {
	v, err := limits.ParseDuration(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return time.Duration(v)
}

func (s *script) configure(d *datadriven.TestData) string {
	s.cfg.RetentionEnabled = d.HasArg("retention")
	cancel := "24h"
	d.MaybeScanArgs(s.t, "cancel", &cancel)
	s.cfg.DeleteRequestCancelPeriod = s.duration(cancel)
	size, store, free := uint64(512<<20), uint64(0), uint64(0)
	d.MaybeScanArgs(s.t, "segment", &size)
	if d.MaybeScanArgs(s.t, "store", &store); store > 0 {
		_, now := s.objects()
		store = store * uint64(now) / 100
	}
	d.MaybeScanArgs(s.t, "free", &free)
	s.cfg.MaxSegmentSize, s.cfg.MaxStoreSize, s.cfg.MinFreeDisk = limits.Bytes(size), limits.Bytes(store), limits.Bytes(free)
	s.on()
	s.compactor.usage = func() (vfs.Usage, error) { return vfs.Usage{Free: s.free, Total: 1 << 40}, nil }
	return "ok"
}

func (s *script) limit(d *datadriven.TestData) string {
	l := &s.limits
	var tenant, period string
	if d.MaybeScanArgs(s.t, "tenant", &tenant); tenant != "" {
		own := s.limits
		l = &own
		s.tenants[tenant] = l
	}
	if d.MaybeScanArgs(s.t, "period", &period); period != "" {
		l.RetentionPeriod = limits.Duration(s.duration(period))
	}
	l.RetentionStream = nil
	for line := range strings.Lines(d.Input) {
		var r limits.StreamRetention
		var text string
		if _, err := fmt.Sscan(line, &r.Selector, &r.Priority, &text); err != nil {
			s.t.Fatalf("%s: %q: %v", d.Pos, line, err)
		}
		r.Period = limits.Duration(s.duration(text))
		l.RetentionStream = append(l.RetentionStream, r)
	}
	return "ok"
}

func (s *script) flushOne(d *datadriven.TestData, tenant string) string {
	at, span, rows, pod, ingester := "0s", "5m", 10, "a", "i"
	d.ScanArgs(s.t, "at", &at)
	d.MaybeScanArgs(s.t, "span", &span)
	d.MaybeScanArgs(s.t, "rows", &rows)
	d.MaybeScanArgs(s.t, "pod", &pod)
	d.MaybeScanArgs(s.t, "ingester", &ingester)
	start := epoch.Add(s.duration(at))
	var all []row
	for n := range rows {
		all = append(all, row{
			labels: labels.FromStrings("app", "shop", "pod", pod),
			ts:     start.Add(s.duration(span) * time.Duration(n) / time.Duration(max(1, rows-1))).UnixNano(),
			line:   fmt.Sprintf("request %d", n),
		})
	}
	e := s.flush(tenant, ingester, all, 1000)
	if !d.HasArg("held") {
		if err := s.store.Catalog().Release(s.t.Context(), tenant, e.ID); err != nil {
			s.t.Fatal(err)
		}
	}
	return fmt.Sprintf("segment %d", s.number(e.ID))
}

func (s *script) number(id ulid.ULID) int {
	n, ok := s.numbers[id]
	if !ok {
		n = len(s.numbers) + 1
		s.numbers[id] = n
	}
	return n
}

// known is the number of a segment, or one beyond all for one that was not shown yet.
func (s *script) known(id ulid.ULID) int {
	if n, ok := s.numbers[id]; ok {
		return n
	}
	return len(s.numbers) + 1
}

func (s *script) show(tenant string) string {
	var b strings.Builder
	entries := slices.Clone(s.live(tenant))
	slices.SortFunc(entries, func(a, b *catalog.Entry) int {
		return cmp.Or(cmp.Compare(a.Interval.Mint, b.Interval.Mint), cmp.Compare(a.Interval.Maxt, b.Interval.Maxt),
			cmp.Compare(s.known(a.ID), s.known(b.ID)), cmp.Compare(a.Stats.Rows, b.Stats.Rows))
	})
	for _, e := range entries {
		fmt.Fprintf(&b, "segment %d: level %d, %s to %s, %d entries", s.number(e.ID), e.Level, clock(e.Interval.Mint), clock(e.Interval.Maxt), e.Stats.Rows)
		if e.Level == 0 && !e.Released {
			b.WriteString(", held")
		}
		for _, g := range e.Sources {
			fmt.Fprintf(&b, ", %s/%d", g.Ingester, g.ID)
		}
		b.WriteString("\n")
	}
	dead, tombstones := 0, 0
	for _, e := range s.store.Catalog().Dead(tenant) {
		if e.Tombstone() {
			tombstones++
		} else {
			dead++
		}
	}
	objects, _ := s.objects()
	fmt.Fprintf(&b, "%d dead, %d tombstones; %d objects in the bucket\n", dead, tombstones, objects)
	if rows, err := read(s.t, s.store, tenant); err != nil {
		fmt.Fprintf(&b, "answer: %v\n", err)
	} else {
		fmt.Fprintf(&b, "answer: %d entries\n", len(rows))
	}
	return b.String()
}

func (s *script) delete(d *datadriven.TestData, tenant string) string {
	from, to := "0s", "1000h"
	d.MaybeScanArgs(s.t, "from", &from)
	d.MaybeScanArgs(s.t, "to", &to)
	id, err := s.compactor.Delete(s.t.Context(), tenant, strings.TrimSpace(d.Input), model.Interval{
		Mint: epoch.Add(s.duration(from)).UnixNano(), Maxt: epoch.Add(s.duration(to)).UnixNano(),
	})
	if err != nil {
		return err.Error()
	}
	s.requests = append(s.requests, id)
	return fmt.Sprintf("request %d", len(s.requests))
}

func (s *script) showDeletes(tenant string) string {
	var b strings.Builder
	states, err := s.compactor.Deletes(s.t.Context(), tenant)
	if err != nil {
		return err.Error()
	}
	if len(states) == 0 {
		return "none"
	}
	number := func(id ulid.ULID) int { return slices.Index(s.requests, id) + 1 }
	slices.SortFunc(states, func(a, b DeleteState) int { return cmp.Compare(number(a.ID), number(b.ID)) })
	for _, state := range states {
		fmt.Fprintf(&b, "request %d: %s: %s\n", number(state.ID), state.Query, state.Status(s.clock))
		if state.Finished.IsZero() {
			continue
		}
		r, err := deletes.ReadReceipt(s.t.Context(), s.bucket, tenant, state.ID)
		if err != nil {
			return err.Error()
		}
		slices.SortFunc(r.Steps, func(a, b deletes.Step) int { return cmp.Compare(s.number(a.Before.ID), s.number(b.Before.ID)) })
		for _, step := range r.Steps {
			left := int64(0)
			if step.After != nil {
				left = step.After.Rows.Rows
			}
			fmt.Fprintf(&b, "  segment %d: %d of %d entries removed, %d left\n", s.number(step.Before.ID), step.Removed.Rows, step.Before.Rows.Rows, left)
		}
		findings, err := deletes.Verify(s.t.Context(), s.bucket, s.store.Catalog(), r)
		if err != nil {
			return err.Error()
		}
		for _, f := range findings {
			if f.Wrong {
				fmt.Fprintf(&b, "  wrong: %s\n", f.Text)
			}
		}
	}
	return b.String()
}

func clock(ts int64) string { return time.Unix(0, ts).UTC().Format("Jan 2 15:04") }
