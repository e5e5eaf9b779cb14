package agent

import (
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/skaldlogs/skald/clients/agent/discover"
	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
)

//go:embed pages.html
var pagesText string

//go:embed pages.css
var style string

var pages = template.Must(template.New("pages").Parse(pagesText))

// statuses are all targets that are served.
func (in *instance) statuses() []entry.Status {
	var out []entry.Status
	if in.tailer != nil {
		out = in.tailer.Status()
	}
	for _, s := range in.sources {
		out = append(out, s.Status()...)
	}
	return out
}

func (in *instance) anyReady() bool {
	return slices.ContainsFunc(in.statuses(), func(s entry.Status) bool { return s.Ready })
}

// jobStatuses are the targets of one job.
type jobStatuses struct {
	Job     string
	Targets []entry.Status
}

// ledgerView is the ledger as the page shows it.
type ledgerView struct {
	Read, Recovered int64
	Dropped         map[string]int64
	Clients         []clientView
}

type clientView struct {
	Name                                 string
	TakenOver, PutOff                    int64
	Handed, Sent, Acknowledged, Repeated int64
	Waiting                              int64
	Dropped                              map[string]int64
}

func viewLedger(l *position.Ledger) ledgerView {
	v := ledgerView{Read: l.Read.Load(), Recovered: l.Recovered.Load(), Dropped: l.Dropped()}
	for i := range l.Clients() {
		c := l.Client(i)
		// What ends is read before what begins, so that nothing ends before it began.
		cv := clientView{Name: c.Name, Dropped: c.Dropped(), Acknowledged: c.Acknowledged.Load(), Repeated: c.Repeated.Load(), Sent: c.Sent.Load()}
		cv.Handed, cv.TakenOver, cv.PutOff = c.Handed.Load(), c.TakenOver.Load(), c.PutOff.Load()
		cv.Waiting = cv.Handed - cv.Acknowledged - cv.Repeated
		for _, n := range cv.Dropped {
			cv.Waiting -= n
		}
		v.Clients = append(v.Clients, cv)
	}
	return v
}

func (a *Agent) pageTargets(w http.ResponseWriter, _ *http.Request, links string) {
	in := a.current()
	if in == nil {
		http.Error(w, "the agent is starting", http.StatusServiceUnavailable)
		return
	}
	var jobs []jobStatuses
	for _, s := range in.statuses() {
		i := slices.IndexFunc(jobs, func(j jobStatuses) bool { return j.Job == s.Job })
		if i < 0 {
			i = len(jobs)
			jobs = append(jobs, jobStatuses{Job: s.Job})
		}
		jobs[i].Targets = append(jobs[i].Targets, s)
	}
	slices.SortFunc(jobs, func(x, y jobStatuses) int { return strings.Compare(x.Job, y.Job) })
	render(w, "targets", map[string]any{"Links": links, "Jobs": jobs, "Ledger": viewLedger(in.ledger)})
}

// jobTargets is what was found for one job.
type jobTargets struct {
	Job             string
	Active, Dropped int
	Targets         []discover.Target
}

func (a *Agent) pageDiscovery(w http.ResponseWriter, _ *http.Request, links string) {
	in := a.current()
	if in == nil {
		http.Error(w, "the agent is starting", http.StatusServiceUnavailable)
		return
	}
	var jobs []jobTargets
	in.mu.Lock()
	for job, targets := range in.found {
		j := jobTargets{Job: job, Targets: targets}
		for _, t := range targets {
			if t.Dropped == "" {
				j.Active++
			} else {
				j.Dropped++
			}
		}
		jobs = append(jobs, j)
	}
	in.mu.Unlock()
	slices.SortFunc(jobs, func(x, y jobTargets) int { return strings.Compare(x.Job, y.Job) })
	render(w, "discovery", map[string]any{"Links": links, "Jobs": jobs})
}

func render(w http.ResponseWriter, page string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = pages.ExecuteTemplate(w, page, data) // the reader is gone
}
