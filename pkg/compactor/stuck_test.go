package compactor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/deletes"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// deleteState is how far the one request of a tenant is.
func (m *machine) deleteState(tenant string) DeleteState {
	m.t.Helper()
	states, err := m.compactor.Deletes(m.t.Context(), tenant)
	if err != nil || len(states) != 1 {
		m.t.Fatalf("%d requests, want one; %v", len(states), err)
	}
	return states[0]
}

// checkReceipt returns a receipt that the bucket agrees with.
func (m *machine) checkReceipt(tenant string, id ulid.ULID) *deletes.Receipt {
	m.t.Helper()
	r, err := deletes.ReadReceipt(m.t.Context(), m.bucket, tenant, id)
	if err != nil {
		m.t.Fatal(err)
	}
	findings, err := deletes.Verify(m.t.Context(), m.bucket, m.store.Catalog(), r)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, f := range findings {
		if f.Wrong {
			m.t.Errorf("the receipt is wrong: %s", f.Text)
		}
	}
	return r
}

// A request does all that can be done beside a damaged segment, and says what is
// left and why; what is left stays hidden, and goes once the segment can be read.
func TestDeleteBesideDamage(t *testing.T) {
	m := newMachine(t)
	m.cfg.RetentionEnabled = true
	m.on()
	var objects []string
	for n := range 3 {
		var rows []row
		for i := range 20 {
			rows = append(rows, row{labels: labels.FromStrings("app", "shop"), ts: epoch.UnixNano() + int64(100*n+i), line: fmt.Sprintf("segment %d user %d", n, i%2)})
		}
		objects = append(objects, m.flush("t", "i", rows, 100).Object)
	}
	m.release()
	id := m.deleteRows("t", `{app="shop"} |= "user 1"`, model.Interval{Mint: 0, Maxt: epoch.UnixNano() + 1000})
	damage(t, m.bucket, objects[1], 30)
	for pass := range 2 {
		m.pass(true)
		s := m.deleteState("t")
		if got, want := s.Status(m.clock), "processed, but for 1 damaged segments"; got != want {
			t.Errorf("pass %d: status %q, want %q", pass, got, want)
		}
		if len(s.Unreadable) != 1 || s.Unreadable[0].Object != objects[1] || s.Unreadable[0].Why == "" || !strings.Contains(s.Waits, "bucket repair") {
			t.Errorf("pass %d: left is %+v, it waits for %q", pass, s.Unreadable, s.Waits)
		}
		if r := m.checkReceipt("t", id); r.Removed() != 20 || len(r.Left) != 1 {
			t.Errorf("pass %d: the receipt has %d entries removed and %d segments left, want 20 and 1", pass, r.Removed(), len(r.Left))
		}
	}

	damage(t, m.bucket, objects[1], 30) // as it was
	m.on()
	if rows, err := read(t, m.store, "t"); err != nil || len(rows) != 30 {
		t.Errorf("%d rows can be read before the request is applied to the last segment, want 30; %v", len(rows), err)
	}
	m.pass(true)
	if s := m.deleteState("t"); s.Status(m.clock) != "processed" {
		t.Errorf("status %q, want processed", s.Status(m.clock))
	}
	if r := m.checkReceipt("t", id); r.Removed() != 30 || len(r.Left) != 0 {
		t.Errorf("the receipt has %d entries removed and %d segments left, want 30 and none", r.Removed(), len(r.Left))
	}
	if rows, err := read(t, m.store, "t"); err != nil || len(rows) != 30 {
		t.Errorf("%d rows are left, want 30; %v", len(rows), err)
	}
}

// absentIngesters do not answer until they do.
type absentIngesters struct {
	Ingesters
	err error
}

func (a *absentIngesters) Oldest(ctx context.Context) ([]scan.Generation, error) {
	if a.err != nil {
		return nil, a.err
	}
	return a.Ingesters.Oldest(ctx)
}

// A request whose rows are removed says what keeps it from being finished.
func TestDeleteSaysWhatItWaitsFor(t *testing.T) {
	m := newMachine(t)
	m.cfg.RetentionEnabled = true
	m.on()
	ingesters := &absentIngesters{m, fmt.Errorf("%w: ingester-2 is not healthy", ErrNoIngesters)}
	m.compactor.ingesters = ingesters
	e := m.flush("t", "i", []row{{labels: labels.FromStrings("app", "shop"), ts: epoch.UnixNano(), line: "user 1"}}, 100)
	m.deleteRows("t", `{app="shop"}`, model.Interval{Mint: 0, Maxt: epoch.UnixNano() + 1000})
	waits := func(want string) {
		t.Helper()
		m.pass(true)
		if s := m.deleteState("t"); !strings.Contains(s.Waits, want) || s.Status(m.clock) == "processed" {
			t.Errorf("%s: it waits for %q, want %q", s.Status(m.clock), s.Waits, want)
		}
		if got := strings.Count(m.log.String(), want); got != 1 {
			t.Errorf("the log says %d times %q, want once", got, want)
		}
	}
	waits("ingester i may still answer for segment " + e.ID.String())
	m.release()
	waits("ingester-2 is not healthy")
	ingesters.err = nil
	m.pass(true)
	if s := m.deleteState("t"); s.Status(m.clock) != "processed" || s.Waits != "" {
		t.Errorf("%s: it waits for %q, want it processed", s.Status(m.clock), s.Waits)
	}
}

// What was written down about a segment is damaged before the receipt is written: the
// request is finished all the same, and the receipt says what it does not know.
func TestDeleteWithDamagedStep(t *testing.T) {
	m := newMachine(t)
	m.cfg.RetentionEnabled = true
	m.on()
	var entries []*catalog.Entry
	for n := range 2 {
		var rows []row
		for i := range 20 {
			rows = append(rows, row{labels: labels.FromStrings("app", "shop"), ts: epoch.UnixNano() + int64(100*n+i), line: fmt.Sprintf("segment %d user %d", n, i%2)})
		}
		entries = append(entries, m.flush("t", "i", rows, 100))
	}
	m.release()
	id := m.deleteRows("t", `{app="shop"} |= "user 1"`, model.Interval{Mint: 0, Maxt: epoch.UnixNano() + 1000})
	written := 0
	m.fault = func(at storage.Step) error {
		if at == storage.EntryWritten {
			if written++; written == 2 {
				damage(t, m.bucket, deletes.StepName("t", id, entries[0].ID), 40)
			}
		}
		return nil
	}
	m.pass(true)
	m.fault = nil
	if s := m.deleteState("t"); s.Status(m.clock) != "processed" {
		t.Errorf("status %q, want processed", s.Status(m.clock))
	}
	r := m.checkReceipt("t", id)
	if r.Removed() != 10 || len(r.Lost) != 1 || r.Lost[0].ID != entries[0].ID {
		t.Errorf("the receipt has %d entries removed and lost %v, want 10 and what became of the first segment", r.Removed(), r.Lost)
	}
	if rows, err := read(t, m.store, "t"); err != nil || len(rows) != 20 {
		t.Errorf("%d rows are left, want 20; %v", len(rows), err)
	}

	r.Steps = append(r.Steps, r.Steps...)
	findings, err := deletes.Verify(t.Context(), m.bucket, m.store.Catalog(), r)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(findings, func(f deletes.Finding) bool { return f.Wrong && strings.Contains(f.Text, "names it twice") }) {
		t.Errorf("a receipt that names a segment twice: %v", findings)
	}
}
