package bench

import (
	"reflect"
	"testing"
)

func TestCompareAnswers(t *testing.T) {
	line := func(ts int64, pod, text string) Entry {
		e := Entry{Timestamp: ts, Pod: pod}
		if text != "" {
			e.Line = &text
		}
		return e
	}
	lines := func(e ...Entry) *Answer { return &Answer{Entries: e} }
	series := func(s map[string]Points, leftOut ...string) *Answer { return &Answer{Series: s, LeftOut: leftOut} }
	for _, tc := range []struct {
		name      string
		a, b      *Answer
		tolerance float64
		want      []string
	}{
		{name: "nothing", a: lines(), b: lines()},
		{name: "the same lines in another order", a: lines(line(1, "p", "x"), line(2, "q", "y")), b: lines(line(2, "q", "y"), line(1, "p", "x"))},
		{name: "a line that one does not keep", a: lines(line(1, "p", "x")), b: lines(line(1, "p", ""))},
		{
			name: "another line", a: lines(line(1e9, "p", "x")), b: lines(line(1e9, "p", "y")),
			want: []string{"the line at 1970-01-01T00:00:01Z of p is another"},
		},
		{
			name: "another pod", a: lines(line(1e9, "p", "x")), b: lines(line(1e9, "q", "x")),
			want: []string{"the line at 1970-01-01T00:00:01Z of p is missing", "the line at 1970-01-01T00:00:01Z of q is not in the first"},
		},
		{
			name: "one twice", a: lines(line(1, "p", "x")), b: lines(line(1, "p", "x"), line(1, "p", "x")),
			want: []string{"1 line against 2", "the line at 1970-01-01T00:00:00.000000001Z of p is not in the first"},
		},
		{
			name: "many missing", a: lines(line(1e9, "a", "x"), line(1e9, "b", "x"), line(1e9, "c", "x"), line(1e9, "d", "x")), b: lines(),
			want: []string{"4 lines against 0", "the line at 1970-01-01T00:00:01Z of a is missing", "the line at 1970-01-01T00:00:01Z of b is missing", "and 2 more"},
		},
		{name: "values as near as allowed", a: series(map[string]Points{"x": {1: 100}}), b: series(map[string]Points{"x": {1: 101}}), tolerance: 0.01},
		{
			name: "values too far apart", a: series(map[string]Points{"x": {1: 100}}), b: series(map[string]Points{"x": {1: 102}}), tolerance: 0.01,
			want: []string{"{x} at 1970-01-01T00:00:01Z: 100 against 102"},
		},
		{
			name: "values missing", a: series(map[string]Points{"x": {1: 1}}), b: series(map[string]Points{"x": {2: 2}}),
			want: []string{"{x} at 1970-01-01T00:00:01Z: 1 against nothing", "{x} at 1970-01-01T00:00:02Z: nothing against 2"},
		},
		{
			name: "series missing", a: series(map[string]Points{"x": {1: 1}}), b: series(map[string]Points{"y": {1: 1}}),
			want: []string{"series {x} is missing", "series {y} is not in the first"},
		},
		{name: "a series that one cannot answer for", a: series(map[string]Points{"x": {1: 1}, "y": {1: 1}}), b: series(map[string]Points{"y": {1: 1}}, "x")},
	} {
		if got := CompareAnswers(tc.a, tc.b, tc.tolerance); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s:\nhave %q\nwant %q", tc.name, got, tc.want)
		}
	}
}
