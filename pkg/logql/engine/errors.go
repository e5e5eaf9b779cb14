package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
)

// ErrInstantLogs is the error for a query for entries at an instant.
var ErrInstantLogs = errors.New("log queries are not supported as an instant query type, please change your query to a range query type")

// A LimitError says that a query exceeds a limit of its tenant or of the server.
type LimitError struct {
	Limit string // the setting, such as max_query_series
	Text  string
}

func (e *LimitError) Error() string { return e.Text }

func limitErrorf(limit, format string, args ...any) error {
	return &LimitError{Limit: limit, Text: fmt.Sprintf(format, args...)}
}

// TooManySeries is the error for a result of more than limit series.
func TooManySeries(limit int) error {
	return limitErrorf("max_query_series", "maximum number of series (%d) reached for a single query; "+
		"consider reducing query cardinality by adding more specific stream selectors, reducing the time range, "+
		"or aggregating results with functions like sum(), count() or topk()", limit)
}

// A PipelineError says that a metric query met an entry that a stage could not
// read.
type PipelineError struct {
	Class  string // the value of __error__
	Series labels.Labels
}

func (e *PipelineError) Error() string {
	return fmt.Sprintf("pipeline error: '%s' for series: '%s'.\n"+
		"A metric counts no entry that a stage could not read. To leave out such entries, add | __error__=\"\" behind the stage "+
		"(behind unwrap, if that is what fails); to count them all the same, add | drop __error__.", e.Class, e.Series)
}

// newPipelineError is the error for an entry of a stream that has the given
// labels behind the pipeline.
func newPipelineError(stream labels.Labels, set *pipeline.LabelSet) error {
	b := labels.NewBuilder(set.All)
	stream.Range(func(l labels.Label) {
		if !set.All.Has(l.Name) {
			b.Set(l.Name, l.Value)
		}
	})
	b.Set(pipeline.ErrorLabel, set.Error)
	if set.ErrorDetails != "" {
		b.Set(pipeline.ErrorDetailsLabel, set.ErrorDetails)
	}
	return &PipelineError{Class: set.Error, Series: b.Labels()}
}

// A TimeoutError says that a query took longer than it may. It is a
// context.DeadlineExceeded.
type TimeoutError struct {
	Timeout time.Duration
	cause   error
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("request timed out: the query ran into query_timeout (%s); "+
		"ask for less time at once, or select fewer streams", e.Timeout)
}

// Unwrap returns the error of the context.
func (e *TimeoutError) Unwrap() error { return e.cause }

// A MatchError says that the samples of a vector do not go with each other in
// the way the query says they do.
type MatchError struct{ Text string }

func (e *MatchError) Error() string { return e.Text }
