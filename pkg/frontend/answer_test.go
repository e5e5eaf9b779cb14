package frontend

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

func someAnswer() *answer {
	return &answer{first: -5e9, last: 7e18, series: promql.Matrix{
		{Metric: labels.EmptyLabels(), Floats: []promql.FPoint{{T: -5000, F: math.Inf(1)}, {T: 7e12, F: -0.1}}},
		{Metric: labels.FromStrings("a", "b", "c", "\xff"), Floats: []promql.FPoint{}},
	}}
}

func TestAnswersReadBack(t *testing.T) {
	want := someAnswer()
	got, err := decodeAnswer(want.encode())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v; wrote %+v", got, err, want)
	}
	b := want.encode()
	for i := range b {
		broken := append([]byte(nil), b...)
		broken[i] ^= 0x40
		if _, err := decodeAnswer(broken); err == nil {
			t.Errorf("byte %d is another, and nobody noticed", i)
		}
	}
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add(someAnswer().encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := decodeAnswer(b); err == nil {
			if _, err := decodeAnswer(a.encode()); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	m := NewMemory(3*(keptOverhead+1+100), time.Minute).(*memory)
	m.now = func() time.Time { return now }
	value := make([]byte, 100)
	for _, name := range []string{"a", "b", "c"} {
		m.Put(t.Context(), map[string][]byte{name: value})
	}
	m.Get(t.Context(), []string{"a"})
	m.Put(t.Context(), map[string][]byte{"d": value, "too large": make([]byte, 1000)})
	if got := m.Get(t.Context(), []string{"a", "b", "c", "d", "too large"}); len(got) != 3 || got["b"] != nil {
		t.Errorf("kept %d answers, want all but the one that was not asked for longest", len(got))
	}
	m.Put(t.Context(), map[string][]byte{"a": value[:50]})
	now = now.Add(time.Minute + 1)
	if got := m.Get(t.Context(), []string{"a", "c", "d"}); len(got) != 0 || m.bytes != 0 {
		t.Errorf("%d answers are older than they may be; %d bytes", len(got), m.bytes)
	}
}

func TestExtents(t *testing.T) {
	for _, tc := range []struct {
		split, step, ranges, want time.Duration
	}{
		{time.Hour, 15 * time.Second, time.Minute, time.Hour},
		{time.Hour, time.Hour, time.Hour, 32 * time.Hour},
		{time.Hour, time.Minute, 24 * time.Hour, 128 * time.Hour},
		{time.Hour, math.MaxInt64, 0, time.Hour << 20},
	} {
		got := extentLength(tc.split, tc.step, reach{ranges: tc.ranges})
		if got != tc.want && tc.step != math.MaxInt64 || got <= 0 {
			t.Errorf("%+v: length %s", tc, got)
		}
	}
}
