package querier

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A VolumeRequest asks how many bytes of lines streams hold, added up in groups.
type VolumeRequest struct {
	// Matchers, Interval say which streams and what of them.
	Matchers []*labels.Matcher
	Interval model.Interval
	// TargetLabels are the labels to group by; streams without one of them are
	// left out. With none, groups are made by the labels that the matchers name,
	// or by all labels when there are no matchers.
	TargetLabels []string
	// ByLabels makes a group of each label alone: all that the streams have, or
	// the TargetLabels. A group's label then has no value.
	ByLabels bool
	Limit    int           // groups wanted, the largest first
	Step     time.Duration // of the parts that time is cut into; 0 leaves it whole
}

// A Volume is the bytes of a group.
type Volume struct {
	Labels labels.Labels
	Bytes  int64
	// Steps are the bytes by time, where the request has a Step; those without
	// any are left out.
	Steps []StepBytes
}

// StepBytes is the bytes in a step of time.
type StepBytes struct {
	End   int64 // of the step, exclusive: a multiple of the step's length
	Bytes int64
}

// Volume returns the largest groups, the largest first, equal ones by their
// labels. It reads no row: a run that reaches beyond the interval, or over
// several steps, counts in proportion.
func (q *Querier) Volume(ctx context.Context, tenants []string, req *VolumeRequest) ([]Volume, error) {
	sums := &volumes{req: req, byText: map[string]*volume{}}
	err := q.snapshots(ctx, tenants, &scan.Request{Matchers: req.Matchers, Interval: req.Interval},
		func(ctx context.Context, snap scan.Snapshot, iv model.Interval) error {
			return sums.addAll(ctx, snap.Directory(), iv)
		})
	if err != nil {
		return nil, err
	}
	limit := req.Limit
	for _, t := range tenants {
		limit = stricter(limit, q.limits.For(t).VolumeMaxSeries)
	}
	if n := len(sums.byText); limit > 0 && limit < req.Limit && n > limit {
		tellGaps(ctx, fmt.Sprintf("the answer has the %d largest of %d groups (volume_max_series)", limit, n))
	}
	return sums.largest(limit), nil
}

// volumes are the sums of a request.
type volumes struct {
	req    *VolumeRequest
	byText map[string]*volume // by the text of the labels
}

type volume struct {
	labels labels.Labels
	bytes  float64
	steps  map[int64]float64 // by number of the step
}

func (v *volumes) addAll(ctx context.Context, dir *scan.Directory, iv model.Interval) error {
	groups := make([][]*volume, len(dir.Streams)) // of each stream, once it is needed
	known := make([]bool, len(dir.Streams))
	for i := range dir.Blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, r := range dir.Blocks[i].Runs {
			part := share(r.Interval, iv)
			if part == 0 {
				continue
			}
			if !known[r.Stream] {
				known[r.Stream] = true
				groups[r.Stream] = v.groups(dir.Streams[r.Stream].Labels)
			}
			if len(groups[r.Stream]) > 0 {
				v.add(groups[r.Stream], r.Interval.Intersect(iv), part*float64(r.Bytes))
			}
		}
	}
	return nil
}

// add adds bytes of an interval to groups.
func (v *volumes) add(groups []*volume, iv model.Interval, bytes float64) {
	for _, g := range groups {
		g.bytes += bytes
	}
	step := int64(v.req.Step)
	if step <= 0 {
		return
	}
	first, last := floorDiv(iv.Mint, step), floorDiv(iv.Maxt, step)
	for n := first; n <= last; n++ {
		part := bytes * share(iv, model.Interval{Mint: n * step, Maxt: n*step + step - 1})
		for _, g := range groups {
			if g.steps == nil {
				g.steps = map[int64]float64{}
			}
			g.steps[n] += part
		}
	}
}

func floorDiv(a, b int64) int64 {
	d := a / b
	if a%b < 0 {
		d--
	}
	return d
}

// groups returns the sums that a stream counts for.
func (v *volumes) groups(stream labels.Labels) []*volume {
	targets := v.req.TargetLabels
	if v.req.ByLabels {
		var out []*volume
		stream.Range(func(l labels.Label) {
			if len(targets) == 0 || slices.Contains(targets, l.Name) {
				out = append(out, v.get(labels.FromStrings(l.Name, "")))
			}
		})
		return out
	}
	for _, name := range targets {
		if !stream.Has(name) {
			return nil
		}
	}
	if len(targets) == 0 {
		for _, m := range v.req.Matchers {
			targets = append(targets, m.Name)
		}
	}
	group := stream
	if len(targets) > 0 {
		group = labels.NewBuilder(stream).Keep(targets...).Labels()
	}
	return []*volume{v.get(group)}
}

func (v *volumes) get(group labels.Labels) *volume {
	text := group.String()
	g := v.byText[text]
	if g == nil {
		g = &volume{labels: group}
		v.byText[text] = g
	}
	return g
}

// largest returns the largest sums in their order.
func (v *volumes) largest(limit int) []Volume {
	out := make([]Volume, 0, len(v.byText))
	for _, g := range v.byText {
		vol := Volume{Labels: g.labels, Bytes: int64(math.Round(g.bytes))}
		for _, n := range slices.Sorted(maps.Keys(g.steps)) {
			vol.Steps = append(vol.Steps, StepBytes{End: (n + 1) * int64(v.req.Step), Bytes: int64(math.Round(g.steps[n]))})
		}
		out = append(out, vol)
	}
	slices.SortFunc(out, func(a, b Volume) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), labels.Compare(a.Labels, b.Labels))
	})
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out
}
