package compactor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/deletes"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/storage"
)

var errKilled = errors.New("killed")

// A history is what has happened to one machine, and what its tenants must find
// in it: a plain list of rows.
type history struct {
	*machine
	rnd    *rand.Rand
	rows   map[string][]row // by tenant, as they arrived
	exact  map[string]bool  // retention was applied to the row and nothing came since
	copies bool             // rows may be there twice

	requests []*historyDelete
	receipts int // that were verified
}

// A historyDelete is a delete request in the plain words of a model.
type historyDelete struct {
	id       ulid.ULID
	tenant   string
	accepted time.Time
	hides    map[int]bool // places in rows
	// cancelled says that it was taken back, forced that it was when some of the
	// rows may have been removed.
	cancelled, forced bool
}

var historyTenants = []string{"a", "b"}

// Whatever is put, merged, deleted and dropped in whatever order, and wherever the
// process dies: at every step of it a query finds each row once, in the order of
// arrival, misses none that retention keeps, and finds none that was deleted;
// what is pushed after a delete request is found, and no request gets stuck.
func TestHistories(t *testing.T) {
	for seed := range seeds.Few(t, 40) {
		if err := runHistory(t, seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func runHistory(t *testing.T, seed uint64) error {
	rnd := rand.New(rand.NewPCG(seed, 7))
	h := &history{machine: newMachine(t), rnd: rnd, rows: map[string][]row{}, exact: map[string]bool{}, copies: rnd.IntN(2) == 0}
	h.slice = []int64{0, 2_000}[rnd.IntN(2)]
	h.cfg.MaxCompactionParallelism = 1 + rnd.IntN(2)
	h.cfg.RetentionEnabled = rnd.IntN(3) > 0
	h.limits.RetentionPeriod = limits.Duration([]time.Duration{0, 30 * time.Hour}[rnd.IntN(2)])
	if rnd.IntN(2) == 0 {
		h.limits.RetentionStream = []limits.StreamRetention{{Selector: `{env="dev"}`, Period: limits.Duration(24 * time.Hour)}}
	}
	h.cfg.DeleteRequestCancelPeriod = []time.Duration{0, 3 * time.Hour}[rnd.IntN(2)]
	h.on()
	for n := range 40 {
		if err := h.step(); err != nil {
			return fmt.Errorf("step %d: %w", n, err)
		}
		if err := h.check(); err != nil {
			return fmt.Errorf("after step %d: %w", n, err)
		}
	}
	return nil
}

func (h *history) step() error {
	tenant := historyTenants[h.rnd.IntN(len(historyTenants))]
	switch n := h.rnd.IntN(12); {
	case n >= 11:
		return h.cancel()
	case n >= 10:
		h.delete(tenant)
	case n < 4:
		rows := h.someRows(tenant)
		h.rows[tenant] = append(h.rows[tenant], rows...)
		h.exact[tenant] = false
		h.flush(tenant, "i", rows, 1+h.rnd.IntN(20))
	case n < 6:
		h.releaseSome()
	case n < 7:
		h.clock = h.clock.Add(time.Duration(h.rnd.IntN(6*60)) * time.Minute)
		clear(h.exact)
	case n < 8:
		h.on()
	default:
		return h.compact(h.rnd.IntN(2) == 0)
	}
	return nil
}

func (h *history) someRows(tenant string) []row {
	start := h.clock
	if h.rnd.IntN(4) == 0 {
		start = start.Add(-time.Duration(h.rnd.IntN(36)) * time.Hour) // late
	}
	rows := someRows(h.rnd, 1+h.rnd.IntN(30), start, time.Duration(1+h.rnd.IntN(600))*time.Second)
	all := h.rows[tenant]
	if h.copies && len(all) > 0 {
		return append(rows, all[h.rnd.IntN(len(all))])
	}
	if !h.copies {
		seen := map[string]bool{}
		for _, r := range all {
			seen[r.identity()] = true
		}
		rows = slices.DeleteFunc(rows, func(r row) bool {
			again := seen[r.identity()]
			seen[r.identity()] = true
			return again
		})
	}
	return rows
}

// delete asks for a delete, whose meaning the model knows by itself.
func (h *history) delete(tenant string) {
	from := h.clock.Add(-time.Duration(h.rnd.IntN(40*60)) * time.Minute)
	iv := model.Interval{Mint: from.UnixNano(), Maxt: from.Add(time.Duration(1+h.rnd.IntN(40*60)) * time.Minute).UnixNano()}
	stream := testStreams[h.rnd.IntN(len(testStreams))]
	name := []string{"app", "env", "pod"}[h.rnd.IntN(3)]
	query := fmt.Sprintf("{%s=%q}", name, stream.Get(name))
	contains := ""
	if h.rnd.IntN(2) == 0 {
		contains = []string{"level=error", "again 1", "xxxx", "7"}[h.rnd.IntN(4)]
		query += fmt.Sprintf(" |= %q", contains)
	}
	d := &historyDelete{id: h.deleteRows(tenant, query, iv), tenant: tenant, accepted: h.clock, hides: map[int]bool{}}
	for n, r := range h.rows[tenant] {
		if iv.Contains(r.ts) && r.labels.Get(name) == stream.Get(name) && strings.Contains(r.line, contains) {
			d.hides[n] = true
		}
	}
	h.requests = append(h.requests, d)
}

// cancel takes a request back, in time or with force.
func (h *history) cancel() error {
	if len(h.requests) == 0 {
		return nil
	}
	d := h.requests[h.rnd.IntN(len(h.requests))]
	late := !h.clock.Before(d.accepted.Add(h.cfg.DeleteRequestCancelPeriod))
	// Which of several copies was removed decides about the order of those that
	// are left: the model does not know.
	force := late && !h.copies && h.rnd.IntN(2) == 0
	err := h.compactor.CancelDelete(h.t.Context(), d.tenant, d.id, force)
	switch {
	case err == nil && d.cancelled:
		return fmt.Errorf("request %s was cancelled twice", d.id)
	case err == nil && late && !force:
		return fmt.Errorf("request %s was cancelled when its period was over", d.id)
	case err == nil:
		d.cancelled, d.forced = true, force
	case errors.Is(err, ErrNoRequest) && d.cancelled, errors.Is(err, ErrTooLate) && late:
	default:
		return fmt.Errorf("cancel request %s: %w", d.id, err)
	}
	return nil
}

// hidden says of a row whether a request deletes it, and whether one that was
// cancelled may have removed it.
func (h *history) hidden(tenant string, row int) (deleted, maybe bool) {
	for _, d := range h.requests {
		if d.tenant == tenant && d.hides[row] {
			deleted = deleted || !d.cancelled
			maybe = maybe || d.forced
		}
	}
	return deleted, maybe
}

// checkRequests makes sure, after everything that can be done was done, that no
// request waits which is due, and that the receipts are true.
func (h *history) checkRequests() error {
	for _, d := range h.requests {
		if d.cancelled || h.clock.Before(d.accepted.Add(h.cfg.DeleteRequestCancelPeriod)) {
			continue
		}
		r, err := deletes.ReadReceipt(h.t.Context(), h.bucket, d.tenant, d.id)
		if err != nil {
			return fmt.Errorf("request %s is due, and is not finished: %w", d.id, err)
		}
		findings, err := deletes.Verify(h.t.Context(), h.bucket, h.store.Catalog(), r)
		if err != nil {
			return err
		}
		for _, f := range findings {
			if f.Wrong {
				return fmt.Errorf("receipt of request %s: %s", d.id, f.Text)
			}
		}
		h.receipts++
	}
	return nil
}

func (h *history) releaseSome() {
	c := h.store.Catalog()
	for _, tenant := range c.Tenants() {
		for _, e := range c.Snapshot(tenant).Entries {
			if e.Level == 0 && h.rnd.IntN(4) > 0 {
				if err := c.Release(h.t.Context(), tenant, e.ID); err != nil {
					h.t.Fatal(err)
				}
			}
		}
	}
}

// compact runs a pass, which may be killed at any step, with queries at each and
// one that goes on all the while.
func (h *history) compact(all bool) error {
	killAt := -1
	if h.rnd.IntN(2) == 0 {
		killAt = h.rnd.IntN(12)
	}
	var mu sync.Mutex // merges of two tenants may run at once
	var wrong error
	killed := false
	h.fault = func(at storage.Step) error {
		mu.Lock()
		defer mu.Unlock()
		if err := h.check(); err != nil && wrong == nil {
			wrong = fmt.Errorf("when %s: %w", at, err)
		}
		if killAt--; killAt == -1 {
			killed = true
		}
		if killed {
			return errKilled // the dead do nothing any more
		}
		return nil
	}
	open, err := openAll(h.t, h.store, historyTenants[0])
	if err != nil {
		return err
	}
	defer open.Close()
	before, _, err := readSnapshot(h.t, open)
	if err != nil {
		return err
	}
	released := true
	for _, tenant := range historyTenants {
		for _, e := range h.live(tenant) {
			released = released && (e.Level > 0 || e.Released)
		}
	}
	if all {
		err = h.compactor.Compact(h.t.Context())
	} else {
		err = h.compactor.pass(h.t.Context(), false)
	}
	h.fault = nil
	switch {
	case wrong != nil:
		return wrong
	case errors.Is(err, errKilled):
		h.on()
		return nil
	case err != nil:
		return err
	}
	after, _, err := readSnapshot(h.t, open)
	if err != nil {
		return fmt.Errorf("a query that is older than the pass: %w", err)
	}
	if err := sameAnswer(after, before); err != nil {
		return fmt.Errorf("a query that is older than the pass: %w", err)
	}
	if all && released {
		if h.cfg.RetentionEnabled {
			if err := h.checkRequests(); err != nil {
				return err
			}
		}
		for _, tenant := range historyTenants {
			h.exact[tenant] = true
			p := planner{
				now: h.clock, maxBytes: int64(h.cfg.MaxSegmentSize.Int()), all: true, skip: func(ulid.ULID) bool { return false },
				deletes: h.store.Catalog().Snapshot(tenant).Deletes,
			}
			if jobs := p.plan(tenant, h.live(tenant)); len(jobs) > 0 {
				return fmt.Errorf("tenant %s still has %d merges ahead", tenant, len(jobs))
			}
		}
	}
	return nil
}

// check asks for everything.
func (h *history) check() error {
	for _, tenant := range historyTenants {
		snap, err := openAll(h.t, h.store, tenant)
		if err != nil {
			return err
		}
		got, stored, err := readSnapshot(h.t, snap)
		if cerr := snap.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
		if err := h.judge(tenant, got, stored); err != nil {
			return fmt.Errorf("tenant %s: %w", tenant, err)
		}
	}
	return nil
}

// judge compares an answer with the rows that arrived. Rows past retention may be
// in it until retention was applied to the row.
func (h *history) judge(tenant string, got []string, stored int) error {
	if !h.copies && stored != len(got) {
		return fmt.Errorf("%d rows are stored, %d of them distinct", stored, len(got))
	}
	there := map[string]bool{}
	for _, r := range got {
		there[r] = true
	}
	rules := &retention{}
	if h.cfg.RetentionEnabled {
		var err error
		if rules, err = retentionOf(&h.limits, &h.limits); err != nil {
			return err
		}
	}
	var may []row
	for n, r := range h.rows[tenant] {
		past := r.ts < rules.cutoff(h.clock, r.labels)
		deleted, maybe := h.hidden(tenant, n)
		switch {
		case deleted:
		case maybe && !there[r.String()]:
		case past && (!there[r.String()] || h.exact[tenant]):
		default:
			may = append(may, r)
		}
	}
	want := answerOf(may)
	if err := sameAnswer(got, want); err != nil {
		return fmt.Errorf("%w\n%s", err, strings.TrimSpace(tail(h.log.String())))
	}
	return nil
}

func tail(s string) string { return s[max(0, len(s)-2000):] }
