package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	prommodel "github.com/prometheus/common/model"

	"github.com/skaldlogs/skald/pkg/compactor"
)

//go:embed compactor.html
var compactorHTML string

var compactorPage = template.Must(template.New("compactor").Parse(compactorHTML))

// compactorStatus serves /compactor, for operators: what every tenant has stored,
// what is waiting, and how far retention and deletes are. JSON for programs, a
// page for browsers.
func (a *API) compactorStatus(w http.ResponseWriter, r *http.Request) {
	status, err := a.compactor.Status(r.Context())
	if err != nil {
		a.fail(w, r, err, true)
		return
	}
	view := viewOf(status, a.now())
	if !strings.Contains(r.Header.Get("Accept"), "text/html") || r.URL.Query().Get("format") == "json" {
		text, err := json.MarshalIndent(view, "", " ")
		if err != nil {
			a.fail(w, r, err, true)
			return
		}
		writeJSON(w, append(text, '\n'))
		return
	}
	var page bytes.Buffer
	if err := compactorPage.Execute(&page, view); err != nil {
		a.fail(w, r, err, true)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, _ = page.WriteTo(w)
}

// A compactorView is the status in the form of its JSON. Times are RFC 3339.
type compactorView struct {
	Now              string       `json:"now"`
	Compacting       bool         `json:"compacting"`
	Interval         string       `json:"compaction_interval"`
	Running          string       `json:"pass_running_since,omitempty"`
	LastEnded        string       `json:"last_pass_ended,omitempty"`
	LastTook         string       `json:"last_pass_took,omitempty"`
	LastError        string       `json:"last_pass_error,omitempty"`
	RetentionEnabled bool         `json:"retention_enabled"`
	Retained         string       `json:"retention_applied,omitempty"`
	Tenants          []tenantView `json:"tenants"`
}

type tenantView struct {
	Tenant     string       `json:"tenant"`
	Levels     []levelView  `json:"levels"`
	Held       int          `json:"held_segments"`
	Merges     int          `json:"pending_merges"`
	Inputs     int          `json:"pending_merge_segments"`
	Dead       int64        `json:"dead_segments"`
	DeadBytes  int64        `json:"dead_bytes"`
	Damaged    int          `json:"damaged_entries"`
	Unreadable int          `json:"unreadable_segments"`
	Retention  string       `json:"retention_period"`
	Rules      int          `json:"retention_rules"`
	Past       int          `json:"segments_past_retention"`
	Oldest     string       `json:"oldest_entry,omitempty"`
	Deletes    []deleteView `json:"delete_requests"`
	Error      string       `json:"error,omitempty"`
}

type levelView struct {
	Level    int    `json:"level"`
	Segments int    `json:"segments"`
	Entries  int64  `json:"entries"`
	Bytes    int64  `json:"bytes"`
	RawBytes int64  `json:"raw_bytes"`
	From     string `json:"from"`
	To       string `json:"to"`
}

type deleteView struct {
	ID      string `json:"request_id"`
	Query   string `json:"query"`
	From    string `json:"from"`
	To      string `json:"to"`
	Created string `json:"created"`
	Due     string `json:"removed_from"`
	Status  string `json:"status"`
	Done    int    `json:"segments_done"`
	Left    int    `json:"segments_left"`
	Waits   string `json:"waits_for,omitempty"`
}

// Size, RawSize and Ratio are for people.
func (l levelView) Size() string    { return humanize.IBytes(uint64(l.Bytes)) }
func (l levelView) RawSize() string { return humanize.IBytes(uint64(l.RawBytes)) }

// Ratio is how many bytes of text a byte in the bucket holds.
func (l levelView) Ratio() string {
	if l.Bytes == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", float64(l.RawBytes)/float64(l.Bytes))
}

// DeadSize is for people.
func (t tenantView) DeadSize() string { return humanize.IBytes(uint64(t.DeadBytes)) }

func viewOf(s *compactor.Status, now time.Time) *compactorView {
	v := &compactorView{
		Now: timeText(now), Compacting: s.Compacting, Interval: s.Interval.String(), Running: timeText(s.Running),
		LastEnded: timeText(s.Last.Ended), LastError: s.Last.Error, RetentionEnabled: s.RetentionEnabled, Retained: timeText(s.Retained),
		Tenants: []tenantView{},
	}
	if !s.Last.Ended.IsZero() {
		v.LastTook = s.Last.Ended.Sub(s.Last.Began).Round(time.Millisecond).String()
	}
	for i := range s.Tenants {
		v.Tenants = append(v.Tenants, tenantViewOf(&s.Tenants[i], now))
	}
	return v
}

func tenantViewOf(t *compactor.TenantStatus, now time.Time) tenantView {
	v := tenantView{
		Tenant: t.Tenant, Levels: []levelView{}, Held: t.Held, Merges: t.Merges, Inputs: t.Inputs, Dead: t.Dead, DeadBytes: t.DeadBytes,
		Damaged: t.Damaged, Unreadable: t.Unreadable, Rules: t.Rules, Past: t.Past, Deletes: []deleteView{}, Error: t.Error,
		Retention: "for ever",
	}
	if t.Retention > 0 {
		v.Retention = prommodel.Duration(t.Retention).String()
	}
	if oldest, ok := t.Oldest(); ok {
		v.Oldest = timeText(oldest)
	}
	for _, l := range t.Levels {
		v.Levels = append(v.Levels, levelView{
			Level: l.Level, Segments: l.Segments, Entries: l.Entries, Bytes: l.Bytes, RawBytes: l.RawBytes,
			From: timeText(time.Unix(0, l.Interval.Mint)), To: timeText(time.Unix(0, l.Interval.Maxt)),
		})
	}
	for i := range t.Deletes {
		d := &t.Deletes[i]
		v.Deletes = append(v.Deletes, deleteView{
			ID: d.ID.String(), Query: d.Query, Status: d.Status(now), Done: d.Done, Left: d.Left,
			From: timeText(time.Unix(0, d.Interval.Mint)), To: timeText(time.Unix(0, d.Interval.Maxt)),
			Created: timeText(d.Created), Due: timeText(d.Due), Waits: d.WaitsFor(),
		})
	}
	return v
}

// timeText is a time to the second; none for the zero time.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
