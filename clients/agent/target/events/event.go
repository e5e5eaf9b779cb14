package events

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	corev1 "k8s.io/api/core/v1"

	"github.com/skaldlogs/skald/pkg/loghttp"
)

// eventTime is when an event happened last.
func eventTime(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil && !e.Series.LastObservedTime.IsZero():
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	case !e.FirstTimestamp.IsZero():
		return e.FirstTimestamp.Time
	default:
		return e.CreationTimestamp.Time
	}
}

// version is the number of an event's resource version, or 0 if it is none.
func version(resourceVersion string) uint64 {
	n, err := strconv.ParseUint(resourceVersion, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// count is how often the event happened.
func count(e *corev1.Event) int32 {
	if e.Series != nil {
		return e.Series.Count
	}
	return e.Count
}

// component is who reported the event.
func component(e *corev1.Event) string {
	if e.ReportingController != "" {
		return e.ReportingController
	}
	return e.Source.Component
}

// metaLabels are what is known of an event, for relabelling.
func metaLabels(e *corev1.Event) []labels.Label {
	const meta = "__meta_kubernetes_"
	return []labels.Label{
		{Name: meta + "namespace", Value: e.InvolvedObject.Namespace},
		{Name: meta + "event_name", Value: e.Name},
		{Name: meta + "event_namespace", Value: e.Namespace},
		{Name: meta + "event_type", Value: e.Type},
		{Name: meta + "event_reason", Value: e.Reason},
		{Name: meta + "event_action", Value: e.Action},
		{Name: meta + "event_component", Value: component(e)},
		{Name: meta + "event_host", Value: e.Source.Host},
		{Name: meta + "event_object_kind", Value: e.InvolvedObject.Kind},
		{Name: meta + "event_object_name", Value: e.InvolvedObject.Name},
		{Name: meta + "event_object_uid", Value: string(e.InvolvedObject.UID)},
		{Name: meta + "event_object_field_path", Value: e.InvolvedObject.FieldPath},
	}
}

// A pair is a name and value of a line.
type pair struct{ name, value string }

// line writes an event as a line.
func line(e *corev1.Event, format string) string {
	pairs := []pair{
		{"type", e.Type},
		{"reason", e.Reason},
		{"kind", e.InvolvedObject.Kind},
		{"namespace", e.InvolvedObject.Namespace},
		{"name", e.InvolvedObject.Name},
		{"field", e.InvolvedObject.FieldPath},
		{"component", component(e)},
		{"host", e.Source.Host},
		{"action", e.Action},
	}
	if n := count(e); n > 1 {
		pairs = append(pairs, pair{"count", strconv.Itoa(int(n))})
	}
	pairs = append(pairs, pair{"msg", e.Message})
	if format == asJSON {
		return string(appendJSON(nil, pairs))
	}
	return string(appendLogfmt(nil, pairs))
}

// appendLogfmt appends the pairs that have a value.
func appendLogfmt(dst []byte, pairs []pair) []byte {
	for _, p := range pairs {
		if p.value == "" {
			continue
		}
		if len(dst) > 0 {
			dst = append(dst, ' ')
		}
		dst = append(append(dst, p.name...), '=')
		if strings.ContainsFunc(p.value, func(r rune) bool { return r <= ' ' || r == '"' || r == '=' || r == 0x7f || r == '\ufffd' }) {
			dst = loghttp.AppendString(dst, p.value)
		} else {
			dst = append(dst, p.value...)
		}
	}
	return dst
}

// appendJSON appends an object of the pairs that have a value.
func appendJSON(dst []byte, pairs []pair) []byte {
	dst = append(dst, '{')
	for _, p := range pairs {
		if p.value == "" {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(loghttp.AppendString(dst, p.name), ':')
		dst = loghttp.AppendString(dst, p.value)
	}
	return append(dst, '}')
}
