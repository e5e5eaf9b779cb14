package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
)

// A vocabulary is the names that lines of a whole corpus share: users, hosts,
// paths and pods come back, some much more often than others.
type vocabulary struct {
	clients []string // IPv4 addresses out in the world
	hosts   []string // IPv4 addresses of the cluster
	users   []string
	agents  []string // browsers
	pods    []string // as the kubelet names them: namespace/name
	digests []string // of container images

	latencies []int   // of requests, in µs: log-normal
	delays    []int64 // from the time in a line to its arrival, in ns: log-normal
}

func newVocabulary(rnd *rand.Rand) vocabulary {
	var v vocabulary
	for range 4000 {
		v.clients = append(v.clients, fmt.Sprintf("%d.%d.%d.%d", 1+rnd.IntN(222), rnd.IntN(256), rnd.IntN(256), 1+rnd.IntN(254)))
	}
	for range 120 {
		v.hosts = append(v.hosts, fmt.Sprintf("10.%d.%d.%d", 40+rnd.IntN(4), rnd.IntN(256), 1+rnd.IntN(254)))
	}
	v.users = append(v.users, "root", "admin", "test", "oracle", "postgres", "ubuntu", "git", "deploy", "ftpuser", "jenkins")
	for range 30 {
		v.users = append(v.users, firstNames[rnd.IntN(len(firstNames))]+strconv.Itoa(rnd.IntN(100)))
	}
	for range 60 {
		v.agents = append(v.agents, browser(rnd))
	}
	for range 300 {
		a := apps[rnd.IntN(len(apps))]
		v.pods = append(v.pods, fmt.Sprintf("%s/%s-%s-%s", a.namespace, a.name, hexDigits(rnd, 9), hexDigits(rnd, 5)))
	}
	for range 40 {
		v.digests = append(v.digests, hexDigits(rnd, 64))
	}
	// Whole numbers, drawn once: what math.Exp returns depends on the processor in
	// its last digit, and lines must not.
	for range 4096 {
		v.latencies = append(v.latencies, int(1000*math.Exp(rnd.NormFloat64()*0.9+2.3)))
		v.delays = append(v.delays, int64(1e6*math.Exp(min(rnd.NormFloat64()*0.8+0.4, 6))))
	}
	return v
}

var firstNames = []string{"anna", "bjorn", "carla", "dmitri", "elif", "farid", "grete", "hiro", "ines", "jonas", "kofi", "lena", "marek", "nadia", "olu"}

func browser(r *rand.Rand) string {
	chrome := 110 + r.IntN(30)
	switch r.IntN(5) {
	case 0:
		return fmt.Sprintf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", chrome)
	case 1:
		return fmt.Sprintf("Mozilla/5.0 (Linux; Android %d) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.%d.%d Mobile Safari/537.36", 10+r.IntN(5), chrome, 5000+r.IntN(999), r.IntN(200))
	case 2:
		return fmt.Sprintf("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:%d.0) Gecko/20100101 Firefox/%d.0", chrome, chrome)
	case 3:
		return fmt.Sprintf("Mozilla/5.0 (iPhone; CPU iPhone OS %d_%d like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/%d.0 Mobile/15E148 Safari/604.1", 15+r.IntN(4), r.IntN(7), 15+r.IntN(4))
	}
	return fmt.Sprintf("Go-http-client/%d.1", 1+r.IntN(2))
}

// The methods below append to the line being made.

func (s *slice) text(t string) { s.buf = append(s.buf, t...) }

func (s *slice) num(n int) { s.buf = strconv.AppendInt(s.buf, int64(n), 10) }

// padded appends a number with zeros before it, width digits at least.
func (s *slice) padded(n, width int) {
	for w, p := 1, 10; w < width; w, p = w+1, p*10 {
		if n < p {
			s.buf = append(s.buf, '0')
		}
	}
	s.num(n)
}

func (s *slice) float(f float64, decimals int) {
	s.buf = strconv.AppendFloat(s.buf, f, 'f', decimals, 64)
}

// thousandths appends n/1000 with three decimals.
func (s *slice) thousandths(n int) {
	s.num(n / 1000)
	s.text(".")
	s.padded(n%1000, 3)
}

// time appends the time that the line tells.
func (s *slice) time(layout string) { s.buf = s.at.AppendFormat(s.buf, layout) }

func (s *slice) hex(n int) {
	for n > 0 {
		for bits, k := s.rnd.Uint64(), 0; k < 16 && n > 0; k, n = k+1, n-1 {
			s.buf = append(s.buf, digits[bits&15])
			bits >>= 4
		}
	}
}

// uuid appends a random one.
func (s *slice) uuid() {
	for i, n := range [...]int{8, 4, 4, 4, 12} {
		if i > 0 {
			s.buf = append(s.buf, '-')
		}
		s.hex(n)
	}
}

// any picks evenly, often the first ones more often.
func (s *slice) any(words []string) string { return words[s.rnd.IntN(len(words))] }

func (s *slice) often(words []string) string { return words[s.few(len(words))] }
