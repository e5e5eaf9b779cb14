package objstore

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metered counts what is asked of a bucket, under the names that dashboards for
// object stores know.
type Metered struct {
	bucket     Bucket
	operations *prometheus.CounterVec
	failures   *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	fetched    *prometheus.CounterVec
	uploaded   *prometheus.CounterVec
}

// NewMetered returns b, counted. name is the bucket's and component who uses it,
// both as they are to be in labels.
func NewMetered(b Bucket, name, component string, reg prometheus.Registerer) *Metered {
	f := promauto.With(prometheus.WrapRegistererWith(prometheus.Labels{"bucket": name, "component": component}, reg))
	return &Metered{
		bucket: b,
		operations: f.NewCounterVec(prometheus.CounterOpts{
			Name: "objstore_bucket_operations_total",
			Help: "Operations on the bucket.",
		}, []string{"operation"}),
		failures: f.NewCounterVec(prometheus.CounterOpts{
			Name: "objstore_bucket_operation_failures_total",
			Help: "Operations on the bucket that failed, other than by finding an object there or not there.",
		}, []string{"operation"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "objstore_bucket_operation_duration_seconds",
			Help:    "How long operations on the bucket took; of reads, until the first byte could be read.",
			Buckets: []float64{0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120},
		}, []string{"operation"}),
		fetched: f.NewCounterVec(prometheus.CounterOpts{
			Name: "objstore_bucket_operation_fetched_bytes_total",
			Help: "Bytes of objects that were read.",
		}, []string{"operation"}),
		uploaded: f.NewCounterVec(prometheus.CounterOpts{
			Name: "objstore_bucket_operation_uploaded_bytes_total",
			Help: "Bytes of objects that were written, those of writes that failed included.",
		}, []string{"operation"}),
	}
}

// count notes an operation that has ended.
func (m *Metered) count(operation string, begun time.Time, err error) {
	m.operations.WithLabelValues(operation).Inc()
	m.seconds.WithLabelValues(operation).Observe(time.Since(begun).Seconds())
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrExists) && !errors.Is(err, context.Canceled) {
		m.failures.WithLabelValues(operation).Inc()
	}
}

// Put implements [Bucket].
func (m *Metered) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	begun := time.Now()
	if section, ok := r.(*io.SectionReader); ok {
		m.uploaded.WithLabelValues("upload").Add(float64(section.Size()))
	} else {
		r = countingReader{r, m.uploaded.WithLabelValues("upload")}
	}
	err := m.bucket.Put(ctx, name, r, size)
	m.count("upload", begun, err)
	return err
}

// PutIfAbsent implements [Bucket].
func (m *Metered) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	begun := time.Now()
	err := m.bucket.PutIfAbsent(ctx, name, data)
	m.count("upload", begun, err)
	m.uploaded.WithLabelValues("upload").Add(float64(len(data)))
	return err
}

// Get implements [Bucket].
func (m *Metered) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	begun := time.Now()
	r, err := m.bucket.Get(ctx, name)
	m.count("get", begun, err)
	return m.counting(r, "get"), err
}

// GetRange implements [Bucket].
func (m *Metered) GetRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	begun := time.Now()
	r, err := m.bucket.GetRange(ctx, name, off, n)
	m.count("get_range", begun, err)
	return m.counting(r, "get_range"), err
}

// readRange implements [rangeReader].
func (m *Metered) readRange(ctx context.Context, name string, p []byte, off int64) error {
	begun := time.Now()
	err := ReadRange(ctx, m.bucket, name, p, off)
	m.count("get_range", begun, err)
	if err == nil {
		m.fetched.WithLabelValues("get_range").Add(float64(len(p)))
	}
	return err
}

// counting counts what is read of an object that was opened.
func (m *Metered) counting(r io.ReadCloser, operation string) io.ReadCloser {
	if r == nil {
		return nil
	}
	return struct {
		io.Reader
		io.Closer
	}{countingReader{r, m.fetched.WithLabelValues(operation)}, r}
}

// A countingReader counts the bytes that are read.
type countingReader struct {
	r io.Reader
	n prometheus.Counter
}

func (c countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(float64(n))
	return n, err
}

// Stat implements [Bucket].
func (m *Metered) Stat(ctx context.Context, name string) (Info, error) {
	begun := time.Now()
	info, err := m.bucket.Stat(ctx, name)
	m.count("attributes", begun, err)
	return info, err
}

// List implements [Bucket].
func (m *Metered) List(ctx context.Context, prefix string, fn func(Info) error) error {
	begun := time.Now()
	err := m.bucket.List(ctx, prefix, fn)
	m.count("iter", begun, err)
	return err
}

// Delete implements [Bucket].
func (m *Metered) Delete(ctx context.Context, name string) error {
	begun := time.Now()
	err := m.bucket.Delete(ctx, name)
	m.count("delete", begun, err)
	return err
}
