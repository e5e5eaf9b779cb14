package frontend

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/encbuf"
)

// An answer is the points of an extent, or of some of its steps.
type answer struct {
	first, last int64 // the times of the steps, in ns
	series      promql.Matrix
}

// covers reports whether a holds all steps of e.
func (a *answer) covers(e *extent) bool { return a.first <= e.first && e.last <= a.last }

// answerVersion is the first byte of an encoded answer.
const answerVersion = 1

var errAnswer = errors.New("kept answer cannot be read")

// encode is the form in which an answer is kept:
//
//	version u8 | first, last varint | series uvarint
//	  labels uvarint, name and value each | points uvarint
//	    ms since the point before varint, value u64
//	checksum u32 of all before it
func (a *answer) encode() []byte {
	b := []byte{answerVersion}
	b = binary.AppendVarint(b, a.first)
	b = binary.AppendVarint(b, a.last)
	b = binary.AppendUvarint(b, uint64(len(a.series)))
	for _, s := range a.series {
		b = binary.AppendUvarint(b, uint64(s.Metric.Len()))
		s.Metric.Range(func(l labels.Label) {
			b = encbuf.AppendString(b, l.Name)
			b = encbuf.AppendString(b, l.Value)
		})
		b = binary.AppendUvarint(b, uint64(len(s.Floats)))
		before := int64(0)
		for _, p := range s.Floats {
			b = binary.AppendVarint(b, p.T-before)
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.F))
			before = p.T
		}
	}
	return binary.LittleEndian.AppendUint32(b, encbuf.Checksum(b))
}

// decodeAnswer reads what encode wrote. A cache may lie in another process, so
// nothing is taken on trust.
func decodeAnswer(b []byte) (*answer, error) {
	if len(b) < 5 {
		return nil, fmt.Errorf("%w: only %d bytes", errAnswer, len(b))
	}
	tail := encbuf.NewDecoder(b[len(b)-4:])
	if sum := tail.U32(); sum != encbuf.Checksum(b[:len(b)-4]) {
		return nil, fmt.Errorf("%w: its checksum is another", errAnswer)
	}
	d := encbuf.NewDecoder(b[:len(b)-4])
	if v := d.U8(); v != answerVersion {
		return nil, fmt.Errorf("%w: version %d", errAnswer, v)
	}
	a := &answer{first: d.Varint(), last: d.Varint()}
	a.series = make(promql.Matrix, 0, d.Count(math.MaxInt32, 2))
	builder := labels.NewScratchBuilder(8)
	for range cap(a.series) {
		builder.Reset()
		for range d.Count(math.MaxInt32, 2) {
			builder.Add(strings.Clone(d.String()), strings.Clone(d.String()))
		}
		builder.Sort()
		s := promql.Series{Metric: builder.Labels(), Floats: make([]promql.FPoint, d.Count(math.MaxInt32, 9))}
		t := int64(0)
		for i := range s.Floats {
			t += d.Varint()
			s.Floats[i] = promql.FPoint{T: t, F: math.Float64frombits(d.U64())}
		}
		a.series = append(a.series, s)
		if d.Err() != nil {
			break
		}
	}
	if err := d.End(); err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return a, nil
}
