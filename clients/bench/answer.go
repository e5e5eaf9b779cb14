package bench

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

func (a *Answer) add(key string, ts int64, v float64) {
	if a.Series == nil {
		a.Series = map[string]Points{}
	}
	if a.Series[key] == nil {
		a.Series[key] = Points{}
	}
	a.Series[key][ts] = v
}

func (a *Answer) sort() {
	slices.SortFunc(a.Entries, func(x, y Entry) int {
		return cmp.Or(cmp.Compare(y.Timestamp, x.Timestamp), strings.Compare(x.Pod, y.Pod))
	})
}

// dropLast removes the smallest values at each time.
func (a *Answer) dropLast() {
	least := Points{}
	for _, points := range a.Series {
		for t, v := range points {
			if have, ok := least[t]; !ok || v < have {
				least[t] = v
			}
		}
	}
	for key, points := range a.Series {
		maps.DeleteFunc(points, func(t int64, v float64) bool { return v <= least[t]*(1+exact) })
		if len(points) == 0 {
			delete(a.Series, key)
		}
	}
}

// Size says how much there is in an answer.
func (a *Answer) Size() string {
	if a.Series == nil {
		return count(len(a.Entries), "line")
	}
	points := 0
	for _, p := range a.Series {
		points += len(p)
	}
	return fmt.Sprintf("%d series, %s", len(a.Series), count(points, "value"))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// maxDifferences bounds how many differences are told.
const maxDifferences = 3

// CompareAnswers returns how b differs from a, in sentences, the first few of
// them. None means that they say the same, as far as both can: values as near as
// tolerance, a share of the value, and lines where both servers keep them.
func CompareAnswers(a, b *Answer, tolerance float64) []string {
	var d differences
	d.entries(a, b)
	out := slices.Concat(a.LeftOut, b.LeftOut)
	keys := slices.Sorted(maps.Keys(a.Series))
	for _, k := range slices.Sorted(maps.Keys(b.Series)) {
		if a.Series[k] == nil {
			keys = append(keys, k)
		}
	}
	for _, k := range keys {
		switch {
		case has(out, k):
		case a.Series[k] == nil:
			d.addf("series {%s} is not in the first", k)
		case b.Series[k] == nil:
			d.addf("series {%s} is missing", k)
		default:
			d.points(k, a.Series[k], b.Series[k], tolerance)
		}
	}
	if d.more > 0 {
		d.list = append(d.list, fmt.Sprintf("and %d more", d.more))
	}
	return d.list
}

func has(list []string, s string) bool { return slices.Contains(list, s) }

type differences struct {
	list []string
	more int
}

func (d *differences) addf(format string, args ...any) {
	if len(d.list) == maxDifferences {
		d.more++
		return
	}
	d.list = append(d.list, fmt.Sprintf(format, args...))
}

func (d *differences) entries(a, b *Answer) {
	if len(a.Entries) != len(b.Entries) {
		d.addf("%s against %d", count(len(a.Entries), "line"), len(b.Entries))
	}
	type id struct {
		ts  int64
		pod string
	}
	lines := map[id][]*string{}
	for _, e := range b.Entries {
		k := id{e.Timestamp, e.Pod}
		lines[k] = append(lines[k], e.Line)
	}
	for _, e := range a.Entries {
		k := id{e.Timestamp, e.Pod}
		i := slices.IndexFunc(lines[k], func(l *string) bool { return l == nil || e.Line == nil || *l == *e.Line })
		switch {
		case i >= 0:
			lines[k] = slices.Delete(lines[k], i, i+1)
		case len(lines[k]) > 0:
			d.addf("the line at %s of %s is another", instant(e.Timestamp), e.Pod)
			lines[k] = lines[k][1:]
		default:
			d.addf("the line at %s of %s is missing", instant(e.Timestamp), e.Pod)
		}
	}
	for _, e := range b.Entries {
		if k := (id{e.Timestamp, e.Pod}); len(lines[k]) > 0 {
			d.addf("the line at %s of %s is not in the first", instant(e.Timestamp), e.Pod)
			lines[k] = lines[k][1:]
		}
	}
}

func instant(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

func (d *differences) points(key string, a, b Points, tolerance float64) {
	times := slices.Sorted(maps.Keys(a))
	for _, t := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[t]; !ok {
			times = append(times, t)
		}
	}
	for _, t := range times {
		va, inA := a[t]
		vb, inB := b[t]
		at := time.Unix(t, 0).UTC().Format(time.RFC3339)
		switch {
		case !inA:
			d.addf("{%s} at %s: nothing against %v", key, at, vb)
		case !inB:
			d.addf("{%s} at %s: %v against nothing", key, at, va)
		case math.Abs(va-vb) > tolerance*max(math.Abs(va), math.Abs(vb)):
			d.addf("{%s} at %s: %v against %v", key, at, va, vb)
		}
	}
}
