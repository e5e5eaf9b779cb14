package ingester

import (
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/go-kit/log/level"
)

// sealers are the workers that turn full buffers into blocks, as many as there
// are processors. A push that fills a buffer while all of them are busy waits
// for one: encoding never falls behind by more than the queue.
type sealers struct {
	ing  *Ingester
	jobs chan sealJob
	wg   sync.WaitGroup

	early chan sealJob
	quit  chan struct{} // closed when nothing is sealed early any more
}

type sealJob struct {
	group *group
	buf   *buffer
}

func newSealers(i *Ingester) *sealers {
	return &sealers{ing: i, jobs: make(chan sealJob, runtime.GOMAXPROCS(0)), early: make(chan sealJob, earlyQueue), quit: make(chan struct{})}
}

func (s *sealers) start() {
	s.startEarly()
	for range runtime.GOMAXPROCS(0) {
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			var w sealer
			for j := range s.jobs {
				err := j.group.seal(&w, j.buf)
				if err != nil {
					level.Error(s.ing.logger).Log("msg", "a buffer could not be sealed; its rows stay in memory and in the log",
						"err", err, "tenant", j.group.head.tenant.id, "rows", len(j.buf.rows))
				}
				j.group.head.sealing.Done()
			}
		}()
	}
}

// stop waits until all buffers that were submitted are sealed.
func (s *sealers) stop() {
	close(s.jobs)
	close(s.quit)
	s.wg.Wait()
}

// submit hands over a full buffer of a group.
func (s *sealers) submit(g *group, b *buffer) {
	g.head.sealing.Add(1)
	s.jobs <- sealJob{group: g, buf: b}
}

// Behind reports whether entries wait for being sealed.
func (i *Ingester) Behind() bool { return len(i.sealers.jobs) > 0 }

// sealAll seals every buffer of the head, however small. Nothing may be appended
// to the head meanwhile.
func (s *sealers) sealAll(h *head) error {
	for _, g := range h.groupList() {
		if b := g.cut(); b != nil {
			s.submit(g, b)
		}
	}
	h.sealing.Wait()
	// What could not be sealed before is tried once more, where the error has
	// somebody to go to.
	var w sealer
	for _, g := range h.groupList() {
		g.mu.Lock()
		waiting := slices.Clone(g.waiting)
		g.mu.Unlock()
		for _, b := range waiting {
			if err := g.seal(&w, b); err != nil {
				return fmt.Errorf("seal %d rows: %w", len(b.rows), err)
			}
		}
	}
	return nil
}
