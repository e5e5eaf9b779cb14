package querier

import (
	"context"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/scan"
)

// The label that says whose stream it is, in answers to several tenants, and
// what a user's label of that name is called there.
const (
	tenantLabel         = "__tenant_id__"
	originalTenantLabel = "original___tenant_id__"
)

// A tenantSource asks several tenants as if they were one. Every stream gains
// the label __tenant_id__; matchers on it choose among the tenants.
type tenantSource struct {
	source  scan.Source
	tenants []string
}

// forTenants returns the source of a query in the name of these tenants.
func forTenants(s scan.Source, tenants []string) scan.Source {
	if len(tenants) == 1 {
		return oneTenant{s, tenants[0]}
	}
	return &tenantSource{s, tenants}
}

// A oneTenant asks in the name of one tenant, whatever a request says.
type oneTenant struct {
	source scan.Source
	tenant string
}

func (s oneTenant) Open(ctx context.Context, req *scan.Request) (scan.Snapshot, error) {
	own := *req
	own.Tenant = s.tenant
	return s.source.Open(ctx, &own)
}

// Open implements [scan.Source].
func (s *tenantSource) Open(ctx context.Context, req *scan.Request) (scan.Snapshot, error) {
	chosen, matchers := chooseTenants(s.tenants, req.Matchers)
	var snaps []scan.Snapshot
	for _, t := range chosen {
		own := *req
		own.Tenant, own.Matchers = t, matchers
		snap, err := s.source.Open(ctx, &own)
		if err != nil {
			for _, s := range snaps {
				_ = s.Close()
			}
			return nil, err
		}
		snaps = append(snaps, labelTenant(snap, t))
	}
	return scan.Join(snaps...), nil
}

// chooseTenants applies the matchers on the tenant, and returns the others.
func chooseTenants(tenants []string, matchers []*labels.Matcher) ([]string, []*labels.Matcher) {
	var rest []*labels.Matcher
	for _, m := range matchers {
		if m.Name != tenantLabel {
			rest = append(rest, m)
			continue
		}
		tenants = slices.DeleteFunc(slices.Clone(tenants), func(t string) bool { return !m.Matches(t) })
	}
	return tenants, rest
}

// withTenant returns the labels of a tenant's stream as several tenants see them.
func withTenant(l labels.Labels, tenant string) labels.Labels {
	b := labels.NewBuilder(l)
	if own := l.Get(tenantLabel); own != "" {
		b.Set(originalTenantLabel, own)
	}
	b.Set(tenantLabel, tenant)
	return b.Labels()
}

// labelTenant returns the snapshot with the tenant's label on each stream.
func labelTenant(s scan.Snapshot, tenant string) scan.Snapshot {
	dir := *s.Directory()
	dir.Streams = slices.Clone(dir.Streams)
	for n := range dir.Streams {
		l := withTenant(dir.Streams[n].Labels, tenant)
		dir.Streams[n] = scan.Stream{Labels: l, Hash: labels.StableHash(l)}
	}
	return &labelled{Snapshot: s, dir: &dir}
}

// A labelled is a snapshot that is listed in another way.
type labelled struct {
	scan.Snapshot
	dir *scan.Directory
}

func (l *labelled) Directory() *scan.Directory { return l.dir }

// LabelNames returns the names of the labels of the selected streams, sorted.
func (q *Querier) LabelNames(ctx context.Context, tenants []string, req *scan.Request) ([]string, error) {
	ctx, cancel, req, err := q.bound(ctx, tenants, req)
	if err != nil || req == nil {
		return nil, err
	}
	defer cancel()
	if len(tenants) == 1 {
		return q.labelNames(ctx, ofTenant(req, tenants[0]))
	}
	chosen, matchers := chooseTenants(tenants, req.Matchers)
	out := []string{tenantLabel}
	for _, t := range chosen {
		names, err := q.labelNames(ctx, ofTenant(withMatchers(req, matchers), t))
		if err != nil {
			return nil, err
		}
		out = append(out, names...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// LabelValues returns the values of the label name among the selected streams,
// sorted.
func (q *Querier) LabelValues(ctx context.Context, tenants []string, req *scan.Request, name string) ([]string, error) {
	ctx, cancel, req, err := q.bound(ctx, tenants, req)
	if err != nil || req == nil {
		return nil, err
	}
	defer cancel()
	if len(tenants) == 1 {
		return q.labelValues(ctx, ofTenant(req, tenants[0]), name)
	}
	chosen, matchers := chooseTenants(tenants, req.Matchers)
	switch name {
	case tenantLabel:
		return chosen, nil
	case originalTenantLabel:
		name = tenantLabel
	}
	var out []string
	for _, t := range chosen {
		values, err := q.labelValues(ctx, ofTenant(withMatchers(req, matchers), t), name)
		if err != nil {
			return nil, err
		}
		out = append(out, values...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Series returns the labels of the selected streams, sorted.
func (q *Querier) Series(ctx context.Context, tenants []string, req *scan.Request) ([]labels.Labels, error) {
	ctx, cancel, req, err := q.bound(ctx, tenants, req)
	if err != nil || req == nil {
		return nil, err
	}
	defer cancel()
	if len(tenants) == 1 {
		return q.series(ctx, ofTenant(req, tenants[0]))
	}
	chosen, matchers := chooseTenants(tenants, req.Matchers)
	var out []labels.Labels
	for _, t := range chosen {
		series, err := q.series(ctx, ofTenant(withMatchers(req, matchers), t))
		if err != nil {
			return nil, err
		}
		for _, l := range series {
			out = append(out, withTenant(l, t))
		}
	}
	slices.SortFunc(out, labels.Compare)
	return out, nil
}

// bound applies the limits of the tenants to a request for labels. The request
// is nil when they leave nothing of it.
func (q *Querier) bound(ctx context.Context, tenants []string, req *scan.Request) (context.Context, context.CancelFunc, *scan.Request, error) {
	ctx, cancel, iv, err := q.within(ctx, tenants, req.Interval)
	if err != nil {
		return nil, nil, nil, err
	}
	if iv.Empty() {
		cancel()
		return nil, nil, nil, nil
	}
	own := *req
	own.Interval = iv
	return ctx, cancel, &own, nil
}

func ofTenant(req *scan.Request, tenant string) *scan.Request {
	own := *req
	own.Tenant = tenant
	return &own
}

func withMatchers(req *scan.Request, m []*labels.Matcher) *scan.Request {
	own := *req
	own.Matchers = m
	return &own
}
