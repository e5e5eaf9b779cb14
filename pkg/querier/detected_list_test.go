package querier

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/storage/block"
)

// fields are all that is told of the fields of a store, and of the values of one.
func (p *blockPart) fields(t testing.TB, name string) string {
	t.Helper()
	sel, err := syntax.ParseLogSelector(`{app="web"}`)
	if err != nil {
		t.Fatal(err)
	}
	req := &FieldsRequest{Query: sel, Start: 0, End: 1e15, LineLimit: 1, Limit: 1000}
	q := p.querier()
	list, err := q.DetectedFields(t.Context(), []string{"t"}, req)
	if err != nil {
		t.Fatal(err)
	}
	values, err := q.DetectedFieldValues(t.Context(), []string{"t"}, req, name)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range list {
		if f.Cardinality == scan.MaxListValues {
			f.Type = "" // of those that were looked at
			if f.Label == name {
				values = nil
			}
		}
		fmt.Fprintln(&b, f)
	}
	fmt.Fprintf(&b, "%q", values)
	return b.String()
}

// checkFields compares the fields of rows in memory with those of the same rows as
// blocks.
func checkFields(t *testing.T, name string, rows []block.Row, rnd *rand.Rand) {
	t.Helper()
	head, sealed, compacted := &blockPart{}, &blockPart{}, &blockPart{}
	if rnd.IntN(3) == 0 {
		// Some of the streams have labels that lines have as well.
		for n := range 4 {
			ls := []string{"app", "web", "pod", fmt.Sprint(n)}
			if n < 3 {
				ls = append(ls, "level", "x")
			}
			head.labels = append(head.labels, labels.FromStrings(ls...))
		}
	}
	sealed.labels, compacted.labels = head.labels, head.labels
	head.add(t, rows, true)
	compacted.add(t, rows, false)
	for part := range slices.Chunk(rows, 1+len(rows)/(2+rnd.IntN(6))) {
		sealed.add(t, part, rnd.IntN(4) == 0)
	}
	field := []string{"level", "msg", "status", "user", "trace", "path", "id"}[rnd.IntN(7)]
	want := head.fields(t, field)
	for _, s := range []*blockPart{sealed, compacted} {
		if got := s.fields(t, field); got != want {
			g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
			for i := range min(len(g), len(w)) {
				if g[i] != w[i] {
					t.Errorf("%s: of blocks\n%.900s\nof rows\n%.900s", name, g[i], w[i])
					break
				}
			}
		}
	}
	t.Logf("%s: %d fields of %d rows; blocks told of %d batches, and left %d of %d rows to be read", name, strings.Count(want, "\n"), len(rows), sealed.lists+compacted.lists, sealed.unread+compacted.unread, sealed.listed+compacted.listed)
}

func TestFieldsAreThoseOfRows(t *testing.T) {
	for seed := range seeds.Few(t, 6) {
		rnd := rand.New(rand.NewPCG(seed, 13))
		var rows []block.Row
		for n := range 200 + rnd.IntN(6000) {
			r := block.Row{Stream: uint32(rnd.IntN(4)), Timestamp: int64(n) * 1e8, Line: patternLine(rnd, n)}
			if rnd.IntN(10) > 0 {
				r.Metadata = model.Metadata{{Name: "detected_level", Value: []string{"info", "error"}[rnd.IntN(2)]}, {Name: "trace", Value: fmt.Sprint(rnd.IntN(300))}}
			}
			if rnd.IntN(50) == 0 && seed%2 == 0 {
				r.Metadata = append(r.Metadata, labels.Label{Name: []string{"level", "pod", "msg"}[rnd.IntN(3)], Value: "meta"})
			}
			rows = append(rows, r)
		}
		checkFields(t, fmt.Sprintf("seed %d", seed), rows, rnd)
	}
}

func TestFieldsOfFilesAreThoseOfRows(t *testing.T) {
	dir := os.Getenv("SKALD_TEST_DATA")
	if dir == "" {
		t.Skip("SKALD_TEST_DATA does not name a folder of logs")
	}
	for _, pattern := range []string{"*.log", "*/*.log"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var rows []block.Row
			for line := range bytes.Lines(data[:min(len(data), 1<<20)]) {
				rows = append(rows, block.Row{Stream: uint32(len(rows) % 2), Timestamp: int64(len(rows)) * 1e7, Line: strings.TrimSuffix(string(line), "\n")})
			}
			checkFields(t, filepath.Base(name), rows, rand.New(rand.NewPCG(1, 14)))
		}
	}
}

// TestValuesOfFieldsWithMany: a field with more values than are kept has those.
func TestValuesOfFieldsWithMany(t *testing.T) {
	sel, err := syntax.ParseLogSelector(`{app="web"}`)
	if err != nil {
		t.Fatal(err)
	}
	var rows []block.Row
	for n := range scan.MaxListValues + 100 {
		rows = append(rows, block.Row{Timestamp: int64(n), Line: fmt.Sprintf("level=info id=x%dy", n)})
	}
	for _, head := range []bool{true, false} {
		s := &blockPart{}
		s.add(t, rows, head)
		values, err := s.querier().DetectedFieldValues(t.Context(), []string{"t"}, &FieldsRequest{Query: sel, End: 1e9, LineLimit: 1, Limit: 1000}, "id")
		if err != nil || len(values) != 1000 {
			t.Errorf("head %v: %d values, %v", head, len(values), err)
		}
	}
}
