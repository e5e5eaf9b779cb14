package fields

import "github.com/prometheus/prometheus/model/labels"

const (
	// ServiceLabel is the name of the label that [ServiceName] gives a value.
	ServiceLabel = "service_name"
	// UnknownService is the service of streams whose labels do not tell.
	UnknownService = "unknown_service"

	// Streams that the system writes about other streams have no service.
	aggregatedMetricLabel = "__aggregated_metric__"
	patternLabel          = "__pattern__"
)

// ServiceName returns the service that a stream belongs to: the value of the
// first of names among its labels, or [UnknownService]. It is empty when the
// stream is to be left as it is: discovery is off (no names), the stream names
// its service already, or it is one that the system writes.
func ServiceName(lbls labels.Labels, names []string) string {
	if len(names) == 0 || lbls.Has(ServiceLabel) || lbls.Has(aggregatedMetricLabel) || lbls.Has(patternLabel) {
		return ""
	}
	for _, name := range names {
		if v := lbls.Get(name); v != "" {
			return v
		}
	}
	return UnknownService
}
