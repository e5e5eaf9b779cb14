package bench

import (
	"math/rand/v2"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
)

// A slice is the making of one part of the corpus. It remembers what the last
// lines were about, since lines of real systems speak of the same requests,
// blocks and connections.
type slice struct {
	g   *Generator
	n   int
	rnd *rand.Rand

	from, width int64 // ns
	goal        int   // bytes of lines to make
	done        int   // of them
	last        int64 // timestamp of the last entry

	ts    int64     // of the entry being made
	at    time.Time // what the line says the time is: a little before it arrived
	trace string    // of the entry being made, if it has one
	begun int       // where its line begins in buf
	buf   []byte

	traces   [48]string
	blocks   [32]int64
	sessions [16]session
	planted  [numPlants]int // how many of each are still to be placed in this slice
}

func newSlice(g *Generator, n int) *slice {
	width, size := int64(Span)/int64(g.Slices()), int(g.corpus.Size/int64(g.Slices()))
	s := &slice{
		g: g, n: n, width: width, goal: size,
		rnd:  rand.New(rand.NewPCG(g.corpus.Seed, uint64(n))),
		from: g.corpus.Start.UnixNano() + int64(n)*width,
		buf:  make([]byte, 0, size+size/8),
	}
	s.last = s.from
	for i := range s.traces {
		s.traces[i] = s.newTrace()
	}
	for i := range s.blocks {
		s.blocks[i] = int64(s.rnd.Uint64())
	}
	for i := range s.sessions {
		s.sessions[i] = s.newSession()
	}
	for p := range s.planted {
		s.planted[p] = plantsIn(plant(p), n, g.Slices())
	}
	return s
}

// begin sets the time of the next entry.
func (s *slice) begin() {
	const spread = 400                          // bytes: arrivals are not evenly spaced
	perByte := s.width / int64(s.goal+2*spread) // ns
	at := s.from + int64(s.done)*perByte + s.rnd.Int64N(spread*perByte)
	s.ts = max(min(at, s.from+s.width-1e6), s.last+1)
	if s.ts%1000 == 0 { // never a whole second: no edge of a bucket falls on an entry
		s.ts++
	}
	s.last = s.ts
	late := s.g.vocab.delays[s.rnd.IntN(len(s.g.vocab.delays))] + s.rnd.Int64N(100_000)
	s.at = time.Unix(0, s.ts-late).UTC()
	s.trace = ""
	s.begun = len(s.buf)
}

// entry is what was made since begin.
func (s *slice) entry() model.Entry {
	line := s.buf[s.begun:len(s.buf):len(s.buf)]
	s.done += len(line)
	e := model.Entry{Timestamp: s.ts, Line: model.Borrow(line)}
	if s.g.corpus.Metadata && s.trace != "" {
		e.Metadata = model.Metadata{{Name: "trace_id", Value: s.trace}}
	}
	return e
}

// incident says how bad things are at this time, from 0 to 1: now and then a few
// minutes are.
func (s *slice) incident() float64 {
	minute := (s.ts - s.g.corpus.Start.UnixNano()) / int64(time.Minute)
	h := (uint64(minute/7) + s.g.corpus.Seed) * 0x9e3779b97f4a7c15
	if h>>58 < 4 {
		return 1
	}
	return 0
}

// chance is true with probability p.
func (s *slice) chance(p float64) bool { return s.rnd.Float64() < p }

// few is a number below n, low ones much more often.
func (s *slice) few(n int) int {
	u := s.rnd.Float64()
	return int(u * u * u * float64(n))
}

func (s *slice) newTrace() string { return hexDigits(s.rnd, 32) }

// request picks the trace of a line: of a request that was there before, or of a
// new one.
func (s *slice) request() string {
	i := s.rnd.IntN(len(s.traces))
	if s.chance(0.6) {
		s.traces[i] = s.newTrace()
	}
	s.trace = s.traces[i]
	return s.trace
}

const digits = "0123456789abcdef"

func hexDigits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	var bits uint64
	for i := range b {
		if i%16 == 0 {
			bits = r.Uint64()
		}
		b[i] = digits[bits&15]
		bits >>= 4
	}
	return string(b)
}
