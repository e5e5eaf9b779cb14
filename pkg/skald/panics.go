package skald

import (
	"context"
	"net/http"
	"runtime/debug"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errPanicked is what a client is told.
const errPanicked = "internal error: the request ended in a panic, and the log says where"

// panics makes a panic the end of one request and not of the process.
type panics struct {
	total  prometheus.Counter
	logger log.Logger
}

func newPanics(logger log.Logger, reg prometheus.Registerer) *panics {
	return &panics{logger: logger, total: promauto.With(reg).NewCounter(prometheus.CounterOpts{
		Name: "panic_total",
		Help: "Requests that ended in a panic.",
	})}
}

// tell counts and logs what a request panicked with.
func (p *panics) tell(value any, where string) {
	p.total.Inc()
	level.Error(p.logger).Log("msg", "a request ended in a panic", "err", value, "path", where, "stack", string(debug.Stack()))
}

func (p *panics) http(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if value == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				panic(value)
			}
			p.tell(value, r.URL.Path)
			http.Error(w, errPanicked, http.StatusInternalServerError)
		}()
		next.ServeHTTP(w, r)
	})
}

func (p *panics) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (_ any, err error) {
	defer func() {
		if value := recover(); value != nil {
			p.tell(value, info.FullMethod)
			err = status.Error(codes.Internal, errPanicked)
		}
	}()
	return next(ctx, req)
}

func (p *panics) stream(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() {
		if value := recover(); value != nil {
			p.tell(value, info.FullMethod)
			err = status.Error(codes.Internal, errPanicked)
		}
	}()
	return next(srv, s)
}
