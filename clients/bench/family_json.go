package bench

import "time"

// jsonApp are the lines of services that log JSON, one object each. The word
// "error" is in the lines of that level, and in no others.
var jsonApp = family{name: "json", mean: 333, line: jsonLine}

var (
	methods    = []string{"GET", "GET", "GET", "GET", "POST", "POST", "PUT", "DELETE", "PATCH"}
	resources  = []string{"products", "carts", "orders", "users", "payments", "reviews", "prices", "stock", "coupons", "sessions"}
	slowParts  = []string{"inventory", "postgres-main", "redis-sessions", "tax-service", "psp-gateway", "postgres-replica-2"}
	jsonErrors = []string{
		"upstream timed out after 3 attempts", "context deadline exceeded", "payment declined by issuer",
		"lock wait timeout exceeded; try restarting transaction", "unexpected end of input", "circuit breaker is open",
	}
)

func jsonLine(s *slice, src *source) {
	trace := s.request()
	if s.take(plantNeedle) {
		trace = s.g.Plants.Needle
		s.trace = trace
	}
	kind := s.rnd.IntN(10)
	status := s.status()
	level := "info"
	switch {
	case status >= 500:
		level = "error"
	case status >= 400 || s.chance(0.03):
		level = "warn"
	case kind >= 8:
		level = "debug"
	}

	s.text(`{"ts":"`)
	s.time(time.RFC3339Nano)
	s.text(`","level":"`)
	s.text(level)
	s.text(`","caller":"`)
	switch {
	case kind < 6 || status >= 500:
		s.text("http/server.go:218")
	case kind < 8:
		s.text("store/query.go:")
		s.num(40 + s.few(30)*7)
	default:
		s.text("cache/lru.go:97")
	}
	switch {
	case kind < 6 || status >= 500:
		s.text(`","msg":"request handled","method":"`)
		s.text(s.any(methods))
		s.text(`","path":"/api/v1/`)
		s.text(s.often(resources))
		s.text("/")
		s.num(s.few(2_000_000))
		s.text(`","status":`)
		s.num(status)
		s.text(`,"duration_ms":`)
		s.thousandths(s.latency(status))
		s.text(`,"bytes":`)
		s.num(120 + s.few(60_000))
		s.text(`,"client":"`)
		s.text(s.often(s.g.vocab.clients))
		s.text(`","user_id":"u-`)
		s.num(s.few(400_000))
		s.text(`"`)
	case kind < 8:
		s.text(`","msg":"query finished","db":"`)
		s.text(s.often(slowParts))
		s.text(`","rows":`)
		s.num(s.few(5000))
		s.text(`,"duration_ms":`)
		s.float(s.rnd.ExpFloat64()*4, 3)
		s.text(`,"sql":{"op":"select","table":"`)
		s.text(s.often(resources))
		s.text(`","params":`)
		s.num(1 + s.few(9))
		s.text(`}`)
	default:
		s.text(`","msg":"cache lookup","key":"`)
		s.text(s.often(resources))
		s.text(":")
		s.num(s.few(900_000))
		s.text(`","hit":`)
		if s.chance(0.83) {
			s.text("true")
		} else {
			s.text("false")
		}
		s.text(`,"size":`)
		s.num(s.few(40_000))
	}
	s.text(`,"instance":"`)
	s.text(src.pod)
	s.text(`","trace_id":"`)
	s.text(trace)
	s.text(`","span_id":"`)
	s.hex(16)
	if level == "error" {
		s.text(`","error":"`)
		s.text(s.often(jsonErrors))
		s.text(` (`)
		s.text(s.often(slowParts))
		s.text(`)`)
	}
	s.text(`"}`)
}

// status is that of an answer over HTTP: more of the bad ones in an incident.
func (s *slice) status() int {
	bad := 0.012 + 0.2*s.incident()
	switch u := s.rnd.Float64(); {
	case u < bad:
		return []int{500, 502, 503, 503, 504}[s.few(5)]
	case u < bad+0.06:
		return []int{404, 400, 401, 403, 409, 429}[s.few(6)]
	case u < bad+0.12:
		return 201
	case u < bad+0.15:
		return 204
	}
	return 200
}

// latency is how long a request took, in µs.
func (s *slice) latency(status int) int {
	us := s.g.vocab.latencies[s.rnd.IntN(len(s.g.vocab.latencies))]
	us += s.rnd.IntN(us/8 + 1)
	if status >= 500 {
		us *= 3
	}
	return us
}
