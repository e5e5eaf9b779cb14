package distributor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/fields"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

// cachedStreams is how many label texts one half of the cache remembers, and
// cachedBytes how large they may be together.
const (
	cachedStreams = 64 << 10
	cachedBytes   = 32 << 20
)

// A parsedStream is what follows from a label text under a tenant's limits. It
// is computed once, and shared by all pushes until the limits change.
type parsedStream struct {
	limits *limits.Limits // that it was computed under

	text  string // canonical labels, service name included
	hash  uint64
	token uint32 // on the ring

	level    string // that a label states, when hasLevel
	hasLevel bool
	derive   bool // neither level nor fields are derived for Skald's own streams

	labels  labels.Labels
	policy  string           // empty: none
	refused *model.Rejection // why no entry of it is taken, or nil
}

// A labelCache remembers label texts in two halves: when the younger is full it
// becomes the older, whose streams are forgotten unless they are asked for. So
// it is bounded, and a stream that is in use stays.
type labelCache struct {
	mu         sync.RWMutex // guards the fields below
	young, old map[cacheKey]*parsedStream
	bytes      int
}

type cacheKey struct{ tenant, text string }

func newLabelCache() *labelCache {
	return &labelCache{young: map[cacheKey]*parsedStream{}}
}

// get returns what is known of a text; tenant and text may be borrowed.
func (c *labelCache) get(tenant, text string, l *limits.Limits) *parsedStream {
	key := cacheKey{tenant, text}
	c.mu.RLock()
	p := c.young[key]
	fromOld := p == nil
	if fromOld {
		p = c.old[key]
	}
	c.mu.RUnlock()
	if p == nil || p.limits != l {
		return nil
	}
	if fromOld {
		c.put(tenant, text, p)
	}
	return p
}

func (c *labelCache) put(tenant, text string, p *parsedStream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= cachedStreams || c.bytes >= cachedBytes {
		c.old, c.young, c.bytes = c.young, map[cacheKey]*parsedStream{}, 0
	}
	c.bytes += 2*len(text) + len(tenant) + 256
	c.young[cacheKey{strings.Clone(tenant), strings.Clone(text)}] = p
}

// errNotUTF8 is of label texts. Answers are JSON, which could not show them as
// they are, and two streams would look like one.
var errNotUTF8 = errors.New("the label text is not valid UTF-8")

// parse returns what follows from a label text, or why it is no label text.
func (d *Distributor) parse(tenant, text string, t *tenantRules) (*parsedStream, error) {
	l := t.limits
	if p := d.cache.get(tenant, text, l); p != nil {
		return p, nil
	}
	if !utf8.ValidString(text) {
		return nil, errNotUTF8
	}
	p := &parsedStream{limits: l}
	lbls, err := logproto.ParseLabels(labelText(text))
	if twice := new(logproto.DuplicateLabelError); errors.As(err, &twice) {
		p.text = text
		p.refused = &model.Rejection{Class: model.Invalid, Reason: "duplicate_label_names", Text: fmt.Sprintf("stream '%s' has duplicate label name: '%s'", text, twice.Name)}
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	p.derive = !lbls.Has("__aggregated_metric__") && !lbls.Has("__pattern__")
	if name := fields.ServiceName(lbls, l.DiscoverServiceName); name != "" {
		b := labels.NewBuilder(lbls)
		b.Set(fields.ServiceLabel, name)
		lbls = b.Labels()
	}
	p.labels = lbls
	p.text = lbls.String()
	p.hash = labels.StableHash(lbls)
	p.token = ringToken(tenant, p.hash)
	p.level, p.hasLevel = t.levels.FromLabels(lbls)
	p.policy = t.policyOf(lbls)
	p.refused = checkLabels(lbls, p.text, p.policy, l)
	d.cache.put(tenant, text, p)
	return p, nil
}

// labelText is a copy of a text. None at all is that of no labels.
func labelText(text string) string {
	if text == "" {
		return "{}"
	}
	return strings.Clone(text)
}

// checkLabels reports which limit on labels the stream breaks, or nil.
func checkLabels(lbls labels.Labels, text, policy string, l *limits.Limits) *model.Rejection {
	refuse := func(reason, format string, args ...any) *model.Rejection {
		return &model.Rejection{Class: model.Invalid, Reason: reason, Text: fmt.Sprintf(format, args...)}
	}
	if lbls.IsEmpty() {
		return refuse("missing_labels", "error at least one label pair is required per stream")
	}
	n := lbls.Len()
	if lbls.Has(fields.ServiceLabel) {
		n-- // Skald may have added it
	}
	if limit := l.MaxLabelNamesPerSeries; limit > 0 && n > limit {
		return refuse("max_label_names_per_series",
			"entry for stream '%s' has %d label names; limit %d (max_label_names_per_series): use fewer labels, or send the others as structured metadata", text, n, limit)
	}
	var r *model.Rejection
	lbls.Range(func(p labels.Label) {
		switch {
		case r != nil:
		case l.MaxLabelNameLength > 0 && len(p.Name) > l.MaxLabelNameLength:
			r = refuse("label_name_too_long", "stream '%s' has label name too long: '%s' (%d bytes; max_label_name_length is %d)", text, p.Name, len(p.Name), l.MaxLabelNameLength)
		case l.MaxLabelValueLength > 0 && len(p.Value) > l.MaxLabelValueLength:
			r = refuse("label_value_too_long", "stream '%s' has label value too long: '%s' (%d bytes; max_label_value_length is %d)", text, p.Value, len(p.Value), l.MaxLabelValueLength)
		}
	})
	if r != nil {
		return r
	}
	var missing []string
	for _, required := range [][]string{l.EnforcedLabels, l.PolicyEnforcedLabels[policy]} {
		for _, name := range required {
			if !lbls.Has(name) && !slices.Contains(missing, name) {
				missing = append(missing, name)
			}
		}
	}
	if len(missing) > 0 {
		return refuse("missing_enforced_labels", "stream '%s' is missing required labels: %s (enforced_labels, policy_enforced_labels)", text, strings.Join(missing, ", "))
	}
	return nil
}

// ringToken is the place of a stream of a tenant on the ring: FNV-1a over both.
func ringToken(tenant string, hash uint64) uint32 {
	const offset, prime = 2166136261, 16777619
	h := uint32(offset)
	for i := range len(tenant) {
		h = (h ^ uint32(tenant[i])) * prime
	}
	for range 8 {
		h = (h ^ uint32(hash&0xff)) * prime
		hash >>= 8
	}
	return h
}
