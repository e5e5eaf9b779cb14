package objstore_test

import (
	"context"
	"maps"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/pkg/objstore"
)

func TestMeteredCounts(t *testing.T) {
	reg := prometheus.NewRegistry()
	b := objstore.NewMetered(&objstore.Memory{}, "folder", "store", reg)
	put(t, b, "a", "x")
	_ = b.PutIfAbsent(t.Context(), "a", nil) // exists: no failure
	_, _ = b.Get(t.Context(), "absent")      // absent: no failure
	_ = objstore.ReadRange(t.Context(), b, "a", make([]byte, 1), 0)
	_, _ = b.Get(t.Context(), "*") // a failure
	done, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = b.Get(done, "a") // the caller's wish: no failure
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			key := f.GetName()
			for _, l := range m.Label {
				key += " " + l.GetName() + "=" + l.GetValue()
			}
			if m.Counter != nil {
				got[key] = m.Counter.GetValue()
			}
		}
	}
	const labels = " bucket=folder component=store operation="
	want := map[string]float64{
		"objstore_bucket_operations_total" + labels + "get":                    3,
		"objstore_bucket_operations_total" + labels + "upload":                 2,
		"objstore_bucket_operations_total" + labels + "get_range":              1,
		"objstore_bucket_operation_failures_total" + labels + "get":            1,
		"objstore_bucket_operation_fetched_bytes_total" + labels + "get_range": 1,
		"objstore_bucket_operation_uploaded_bytes_total" + labels + "upload":   1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}
