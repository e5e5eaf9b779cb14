package skald

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// benchServer is a Skald that takes what benchmarks push, however much and old.
func benchServer(b *testing.B) *running {
	b.Helper()
	return start(b, "-data.dir="+b.TempDir(), "-validation.reject-old-samples=false", "-distributor.ingestion-rate-limit-mb=10000",
		"-distributor.ingestion-burst-size-mb=10000", "-ingester.per-stream-rate-limit=10GB", "-ingester.per-stream-rate-limit-burst=10GB",
		"-ingester.max-global-streams-per-user=0", "-ingester.max-streams-per-user=0")
}

// A pusher collects streams and pushes them in requests of a few megabytes.
type pusher struct {
	b    *testing.B
	r    *running
	body strings.Builder
}

func (p *pusher) add(labels, values string) {
	if p.body.Len() == 0 {
		p.body.WriteString(`{"streams":[`)
	} else {
		p.body.WriteByte(',')
	}
	fmt.Fprintf(&p.body, `{"stream":%s,"values":[%s]}`, labels, values)
	if p.body.Len() > 4<<20 {
		p.flush()
	}
}

func (p *pusher) flush() {
	if p.body.Len() == 0 {
		return
	}
	status, text := p.r.do(p.b, http.MethodPost, "/loki/api/v1/push", p.body.String()+"]}", "Content-Type", "application/json")
	if status != http.StatusNoContent {
		p.b.Fatalf("push answers %d %s", status, text)
	}
	p.body.Reset()
}

// store hands everything to the store.
func (p *pusher) store() {
	p.flush()
	if status, text := p.r.do(p.b, http.MethodPost, "/flush", ""); status != http.StatusNoContent {
		p.b.Fatalf("flush answers %d %s", status, text)
	}
}

// month pushes thirty days of access logs: ten services, a line each every two
// minutes. It returns their begin and end.
func month(b *testing.B, r *running) (time.Time, time.Time) {
	b.Helper()
	end := time.Now().Add(-time.Hour).Truncate(time.Hour)
	begin := end.Add(-30 * 24 * time.Hour)
	p := &pusher{b: b, r: r}
	for day := begin; day.Before(end); day = day.Add(24 * time.Hour) {
		for service := range 10 {
			var values []string
			for i := range 24 * 30 {
				ts := day.Add(time.Duration(i) * 2 * time.Minute)
				values = append(values, fmt.Sprintf(`["%d","level=%s status=%d path=/api/%d duration=%dms"]`,
					ts.UnixNano(), []string{"info", "warn", "error"}[i%3], 200+100*(i%4), i%50, (i*7919)%1500))
			}
			p.add(fmt.Sprintf(`{"app":"service-%d","env":"prod"}`, service), strings.Join(values, ","))
		}
	}
	p.store()
	return begin, end
}

// asked runs all queries at once, and returns how long each took, the shortest
// first. A query that is refused fails the benchmark.
func (r *running) asked(b *testing.B, paths []string, header ...string) []time.Duration {
	b.Helper()
	took := make([]time.Duration, len(paths))
	var wg sync.WaitGroup
	for i, path := range paths {
		wg.Go(func() {
			began := time.Now()
			status, text := r.get(b, path, header...)
			took[i] = time.Since(began)
			if status != http.StatusOK {
				b.Errorf("%s answers %d %.200s", path, status, text)
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	return took
}

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkDashboard asks what a dashboard of fifty panels over thirty days asks
// when it is opened: how long until the last panel is there, without and with kept
// answers, and is none refused?
func BenchmarkDashboard(b *testing.B) {
	r := benchServer(b)
	begin, end := month(b, r)
	var panels []string
	for i := range 50 {
		query := []string{
			`sum by (app) (rate({env="prod"}[1h]))`,
			`sum by (app) (count_over_time({app="service-%d"} |= "error" [1h]))`,
			`sum by (status) (rate({app="service-%d"} | logfmt | status >= 400 [1h]))`,
			`quantile_over_time(0.99, {app="service-%d"} | logfmt | unwrap duration(duration) [1h]) by (app)`,
			`topk(5, sum by (path) (count_over_time({app="service-%d"} | logfmt [1h])))`,
		}[i%5]
		if strings.Contains(query, "%d") {
			query = fmt.Sprintf(query, i/5)
		}
		q := url.Values{"query": {query}, "start": {fmt.Sprint(begin.UnixNano())}, "end": {fmt.Sprint(end.UnixNano())}, "step": {"3600"}}
		panels = append(panels, "/loki/api/v1/query_range?"+q.Encode())
	}
	for name, header := range map[string][]string{"computed": {"Cache-Control", "no-cache"}, "kept": nil} {
		b.Run(name, func(b *testing.B) {
			var last []time.Duration
			for b.Loop() {
				took := r.asked(b, panels, header...)
				last = append(last, took[len(took)-1])
			}
			slices.Sort(last)
			b.ReportMetric(float64(last[len(last)/2])/float64(time.Millisecond), "last-panel-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkSmallQueries has a hundred clients ask for a few lines, or the rate of
// five minutes, at once, over and over: how long does one wait?
func BenchmarkSmallQueries(b *testing.B) {
	r := benchServer(b)
	_, end := month(b, r)
	var paths []string
	for i := range 100 {
		from := end.Add(-time.Duration(i) * time.Hour)
		q := url.Values{
			"query": {fmt.Sprintf(`{app="service-%d"}`, i%10)}, "limit": {"20"},
			"start": {fmt.Sprint(from.Add(-time.Hour).UnixNano())}, "end": {fmt.Sprint(from.UnixNano())},
		}
		if i%2 == 0 {
			q.Set("query", fmt.Sprintf(`sum(rate({app="service-%d"} |= "error" [5m]))`, i%10))
			q.Set("step", "60")
		}
		paths = append(paths, "/loki/api/v1/query_range?"+q.Encode())
	}
	var took []time.Duration
	for b.Loop() {
		took = append(took, r.asked(b, paths)...)
	}
	report(b, took)
}

// BenchmarkManyStreams asks for labels and series where there are 100,000 streams,
// half of them in memory: how long does one question take?
func BenchmarkManyStreams(b *testing.B) {
	r := benchServer(b)
	now := time.Now()
	p := &pusher{b: b, r: r}
	for i := range 100_000 {
		if i == 50_000 {
			p.store()
		}
		p.add(fmt.Sprintf(`{"cluster":"c%d","namespace":"n%d","pod":"pod-%d"}`, i%4, i%100, i), fmt.Sprintf(`["%d","line"]`, now.UnixNano()))
	}
	p.flush()
	span := fmt.Sprintf("start=%d&end=%d", now.Add(-time.Hour).UnixNano(), now.Add(time.Minute).UnixNano())
	for _, ask := range []struct{ name, path string }{
		{"labels", "/loki/api/v1/labels?" + span},
		{"values", "/loki/api/v1/label/namespace/values?" + span},
		{"series-1000", "/loki/api/v1/series?" + span + "&match[]=" + url.QueryEscape(`{namespace="n7"}`)},
	} {
		b.Run(ask.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				took = append(took, r.asked(b, []string{ask.path})...)
			}
			report(b, took)
		})
	}
}
