package ruler

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
)

// Series that begin and series that end between two looks are counted, as are those
// that were there at the start.
func TestSeriesOfWAL(t *testing.T) {
	cfg := &Config{WAL: WALConfig{Dir: t.TempDir(), TruncateFrequency: time.Hour, MinAge: time.Minute, MaxAge: time.Hour}}
	open := func() *writer {
		w, err := newWriter(cfg, nil, "t", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	now := time.Now().UnixMilli()
	record := func(w *writer, first, last int) {
		t.Helper()
		app := w.appendable().Appender(t.Context())
		for n := first; n <= last; n++ {
			for range 2 {
				if _, err := app.Append(0, labels.FromStrings("__name__", "r", "n", fmt.Sprint(n)), now, 1); err != nil {
					t.Fatal(err)
				}
				now++
			}
		}
		if err := app.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	want := func(w *writer, created, removed float64) {
		t.Helper()
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(w.metrics)
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			got[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
		}
		if c, r, a := got["ruler_wal_storage_created_series_total"], got["ruler_wal_storage_removed_series_total"], got["ruler_wal_storage_active_series"]; c != created || r != removed || a != created-removed {
			t.Errorf("%v series began, %v went and %v are there, want %v, %v and %v", c, r, a, created, removed, created-removed)
		}
	}
	w := open()
	want(w, 0, 0)
	record(w, 1, 5)
	record(w, 4, 8)
	want(w, 8, 0)
	w.series.gauge.Sub(3) // as when the WAL forgets series
	record(w, 9, 11)
	want(w, 11, 3)
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	w = open()
	want(w, 11, 0)
	record(w, 12, 12)
	want(w, 12, 0)
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestQueueOf(t *testing.T) {
	if q := queueOf(config.DefaultQueueConfig); q.MaxSamplesPerSend >= 2000 || q.Capacity < q.MaxSamplesPerSend || q.MaxShards != 50 {
		t.Errorf("the queue is %+v, want a small one", q)
	}
	own := config.DefaultQueueConfig
	own.MaxSamplesPerSend = 5000
	if q := queueOf(own); q != own {
		t.Errorf("the queue is %+v, want the user's own %+v", q, own)
	}
}
