package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/skaldlogs/skald/pkg/seeds"
)

// appendExport writes an entry as journalctl does: values that are not plain
// text with their length.
func appendExport(dst []byte, r *record) []byte {
	dst = fmt.Appendf(dst, "__CURSOR=%s\n__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=1\n", r.cursor, r.realtime)
	for _, f := range r.fields {
		if strings.ContainsFunc(f.value, func(c rune) bool { return c < ' ' && c != '\t' || c == '\ufffd' }) {
			dst = append(append(dst, f.name...), '\n')
			dst = binary.LittleEndian.AppendUint64(dst, uint64(len(f.value)))
			dst = append(append(dst, f.value...), '\n')
			continue
		}
		dst = append(append(append(append(dst, f.name...), '='), f.value...), '\n')
	}
	return append(dst, '\n')
}

func readAll(in io.Reader) (all []*record, err error) {
	x := newExportReader(in)
	for {
		r, err := x.next()
		if err != nil {
			return all, err
		}
		all = append(all, r)
	}
}

// TestExportReadsWhatWasWritten reads back random entries, however the bytes arrive.
func TestExportReadsWhatWasWritten(t *testing.T) {
	values := []string{"", "plain", "with = signs", "two\nlines", "\x00\xff\n\n", strings.Repeat("long ", 30_000)}
	for seed := range seeds.Few(t, 100) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		var want []*record
		var wire []byte
		for i := range 1 + rnd.IntN(5) {
			r := &record{cursor: fmt.Sprintf("s=a;t=%x", i), realtime: rnd.Int64N(1 << 52)}
			for f := range rnd.IntN(6) {
				r.fields = append(r.fields, field{fmt.Sprintf("F%d", f), values[rnd.IntN(len(values))]})
			}
			want = append(want, r)
			wire = appendExport(wire, r)
		}
		in := io.Reader(bytes.NewReader(wire))
		if seed%10 == 0 {
			in = iotest.OneByteReader(in)
		}
		got, err := readAll(in)
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if fmt.Sprint(deref(got)) != fmt.Sprint(deref(want)) {
			t.Fatalf("seed %d: got\n%v\nwant\n%v", seed, deref(got), deref(want))
		}
	}
}

func deref(rs []*record) (all []record) {
	for _, r := range rs {
		all = append(all, *r)
	}
	return all
}

func TestExportErrors(t *testing.T) {
	long := binary.LittleEndian.AppendUint64([]byte("A\n"), 1<<50)
	wrong := append(binary.LittleEndian.AppendUint64([]byte("A\n"), 1), "xy\n\n"...)
	for _, tc := range []struct {
		name, in string
		want     error
	}{
		{"an entry cut short", "A=b\n", io.ErrUnexpectedEOF},
		{"a line cut short", "A=b\n\nA", io.ErrUnexpectedEOF},
		{"a length cut short", "A\n123", io.ErrUnexpectedEOF},
		{"a value cut short", string(binary.LittleEndian.AppendUint64([]byte("A\n"), 9)) + "b", io.ErrUnexpectedEOF},
		{"a length beyond reason", string(long), errMalformed},
		{"no end of line", string(wrong), errMalformed},
		{"no name", "=x\n\n", errMalformed},
		{"a time that is none", "__REALTIME_TIMESTAMP=soon\n\n", errMalformed},
	} {
		if _, err := readAll(strings.NewReader(tc.in)); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

func FuzzExport(f *testing.F) {
	f.Add([]byte("__CURSOR=x\n__REALTIME_TIMESTAMP=1\nMESSAGE=a\n\n"))
	f.Add(appendExport(nil, &record{cursor: "c", fields: []field{{"A", "x\ny"}}}))
	f.Fuzz(func(t *testing.T, in []byte) {
		all, _ := readAll(bytes.NewReader(in))
		for _, r := range all {
			if len(r.fields) > maxFields {
				t.Fatalf("%d fields", len(r.fields))
			}
			appendJSON(nil, r.fields)
			metaLabels(r)
		}
	})
}
