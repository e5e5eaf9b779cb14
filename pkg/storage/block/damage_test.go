package block

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// sample is a block that has every kind of column and of place.
func sample() []Row {
	rnd := rand.New(rand.NewPCG(1, 9))
	rows := make([]Row, 450)
	for i := range rows {
		r := &rows[i]
		r.Stream = uint32(i % 5)
		r.Timestamp = 1_700_000_000_000_000_000 + int64(i)*1_000_000 + rnd.Int64N(1000)
		r.Line = fmt.Sprintf("GET /api/v1/orders/%d 200 %dms\n\x00\xff", rnd.IntN(1000), rnd.IntN(300))
		switch i % 3 {
		case 0:
			r.Metadata = model.Metadata{
				{Name: "detected_level", Value: []string{"info", "warn", "error"}[rnd.IntN(3)]},
				{Name: "trace_id", Value: fmt.Sprintf("%032x", rnd.Uint64())},
				{Name: "host", Value: "host-1"},
			}
		case 1:
			r.Metadata = model.Metadata{
				{Name: "host", Value: "host-1"},
				{Name: "user", Value: fmt.Sprint("user-", i/8)},
				{Name: "user", Value: "twice"},
			}
		}
	}
	return rows
}

func TestEveryByteIsChecked(t *testing.T) {
	enc, err := new(Encoder).Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	flip := func(b []byte, i int) []byte {
		b = bytes.Clone(b)
		b[i] ^= 1 << (i % 8)
		return b
	}
	for i := range enc.Prune {
		bad := enc
		bad.Prune = flip(enc.Prune, i)
		if _, err := decodeAll(&bad); !errors.Is(err, scan.ErrDamaged) && !errors.Is(err, ErrUnsupported) {
			t.Fatalf("byte %d of the prune part: error %v", i, err)
		}
	}
	for i := range enc.Data {
		bad := enc
		bad.Data = flip(enc.Data, i)
		if _, err := decodeAll(&bad); !errors.Is(err, scan.ErrDamaged) {
			t.Fatalf("byte %d of the data part: error %v", i, err)
		}
	}
	for n := range enc.Prune {
		if _, err := Open(enc.Prune[:n]); !errors.Is(err, scan.ErrDamaged) {
			t.Fatalf("prune part of %d bytes: error %v", n, err)
		}
	}
	if _, err := Open(append(bytes.Clone(enc.Prune), 0)); !errors.Is(err, scan.ErrDamaged) {
		t.Errorf("a byte too many: error %v", err)
	}
}

// A damaged column fails the questions about it and no others.
func TestDamageIsLocal(t *testing.T) {
	enc, err := (&Encoder{plain: true}).Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(enc.Prune)
	if err != nil {
		t.Fatal(err)
	}
	if b.lines.bytes.place == placeSmall {
		t.Fatal("the lines of the sample have no place of their own")
	}
	bad := bytes.Clone(enc.Data)
	bad[b.lines.bytes.off()]++
	q := all(enc.Runs)
	if _, err := b.Decode(Bytes(bad), enc.Runs, q); !errors.Is(err, scan.ErrDamaged) {
		t.Errorf("lines: error %v", err)
	}
	q.Columns = scan.Metadata | scan.Sizes
	if _, err := b.Decode(Bytes(bad), enc.Runs, q); err != nil {
		t.Errorf("metadata and sizes: %v", err)
	}
}

func TestRunsOfAnotherBlock(t *testing.T) {
	enc, err := new(Encoder).Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(enc.Prune)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		change func(runs []Run) []Run
	}{
		{"none", func([]Run) []Run { return nil }},
		{"one fewer", func(r []Run) []Run { return r[1:] }},
		{"a row more", func(r []Run) []Run { r[0].Rows++; return r }},
		{"rows moved", func(r []Run) []Run { r[0].Rows++; r[1].Rows--; return r }},
		{"no rows", func(r []Run) []Run { r[0].Rows = 0; return r }},
		{"fewer than no rows", func(r []Run) []Run { r[0].Rows = -1 << 62; return r }},
		{"other beginning", func(r []Run) []Run { r[2].Interval.Mint--; return r }},
		{"other end", func(r []Run) []Run { r[2].Interval.Maxt++; return r }},
	} {
		runs := tc.change(append([]Run(nil), enc.Runs...))
		if _, err := b.Decode(Bytes(enc.Data), runs, all(runs)); !errors.Is(err, scan.ErrDamaged) {
			t.Errorf("%s: error %v", tc.name, err)
		}
	}
}

// forge puts checksums right, so that what a checksum would have caught is
// seen by the code behind it: the schema is decompressed, changed by fn, and
// stored.
func forge(enc Encoded, fn func(schema, small []byte)) (Encoded, error) {
	b, err := Open(enc.Prune)
	if err != nil {
		return enc, err
	}
	d := encbuf.NewDecoder(enc.Prune)
	var h head
	if err := h.read(&d); err != nil {
		return enc, err
	}
	d.U32()
	schema := d.Rest()
	keys := schema[h.schema:]
	schema = schema[:h.schema]
	if h.schema != h.schemaRaw {
		if schema, err = appendDecompressed(nil, schema, h.schemaRaw); err != nil {
			return enc, err
		}
	}
	small := enc.Data[:h.small]
	if h.small != h.smallRaw {
		if small, err = appendDecompressed(nil, small, h.smallRaw); err != nil {
			return enc, err
		}
	}
	schema, small = bytes.Clone(schema), bytes.Clone(small)
	fn(schema, small)
	big := enc.Data[b.small:]
	h.schema, h.small, h.smallCRC = h.schemaRaw, h.smallRaw, encbuf.Checksum(small)
	prune := h.append(nil)
	prune = binary.LittleEndian.AppendUint32(prune, encbuf.UpdateChecksum(encbuf.UpdateChecksum(encbuf.Checksum(prune), schema), keys))
	enc.Prune = append(append(prune, schema...), keys...)
	enc.Data = append(small, big...)
	return enc, nil
}

// Whatever a schema says under a good checksum, decoding it ends in an error or
// in rows, and does not panic.
func TestForgedSchema(t *testing.T) {
	blocks := []Encoded{}
	for _, e := range []*Encoder{{plain: true}, {force: true}} {
		enc, err := e.Encode(sample())
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, enc)
	}
	for i := range families {
		blocks = append(blocks, force(t, new(Encoder), familyRows(i, 5, 8<<10)))
	}
	for seed := range seeds.Few(t, 6000) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		forged, err := forge(blocks[seed%uint64(len(blocks))], func(schema, small []byte) {
			for range 1 + rnd.IntN(3) {
				part := schema
				if len(small) > 0 && rnd.IntN(3) == 0 {
					part = small
				}
				part[rnd.IntN(len(part))] = []byte{0, 1, 2, 9, 10, 127, 128, 255, byte(rnd.Uint32())}[rnd.IntN(9)]
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeAll(&forged); err != nil && !errors.Is(err, scan.ErrDamaged) && !errors.Is(err, ErrUnsupported) {
			t.Fatalf("seed %d: error is not one of damage: %v", seed, err)
		}
		b, err := Open(forged.Prune)
		if err != nil {
			continue
		}
		q := all(forged.Runs)
		q.Columns = scan.Columns(rnd.IntN(8))
		text := pick(rnd, "e", "10", "20:", "1.", "error", `":"`, "ab", "[0-9]{3}.*e", "(?i)ERR|[a-c]x$")
		q.Filters = NewFilters([]scan.LineFilter{{Op: scan.FilterOp(rnd.IntN(4)), Text: text}})
		if _, err := b.Decode(Bytes(forged.Data), forged.Runs, q); err != nil && !errors.Is(err, scan.ErrDamaged) {
			t.Fatalf("seed %d: %q: error is not one of damage: %v", seed, text, err)
		}
	}
}

// A frame that holds more than its stream says is refused before it is allocated.
func TestBomb(t *testing.T) {
	frame := newZstdEncoder().EncodeAll(make([]byte, 64<<20), nil)
	if _, err := appendDecompressed(nil, frame, 1000); !errors.Is(err, scan.ErrDamaged) {
		t.Errorf("error %v", err)
	}
	// The same without the size in its header.
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 64<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := appendDecompressed(nil, out.Bytes(), 1000)
	if !errors.Is(err, scan.ErrDamaged) || cap(got) > 1<<16 {
		t.Errorf("error %v with %d bytes allocated", err, cap(got))
	}
}

func FuzzDecode(f *testing.F) {
	add := func(rows []Row, e Encoder) {
		enc, err := e.Encode(rows)
		if err != nil {
			f.Fatal(err)
		}
		enc, err = forge(enc, func(_, _ []byte) {}) // uncompressed, for the fuzzer to see
		if err != nil {
			f.Fatal(err)
		}
		f.Add(enc.Prune, enc.Data, len(enc.Runs), enc.Interval.Mint, enc.Interval.Maxt)
	}
	add([]Row{{Line: "a"}}, Encoder{})
	add(sample()[:40], Encoder{plain: true})
	add(sample()[:40], Encoder{force: true})
	for i := range families {
		add(familyRows(i, 1, 3<<10), Encoder{force: true})
	}
	for seed := range uint64(4) {
		rows := dirtyRows(rand.New(rand.NewPCG(seed, 7)))
		add(rows[:min(len(rows), 60)], Encoder{force: seed%2 == 0})
	}
	f.Fuzz(func(t *testing.T, prune, data []byte, runs int, mint, maxt int64) {
		prune = resum(prune)
		b, err := Open(prune)
		if err != nil {
			if !errors.Is(err, scan.ErrDamaged) && !errors.Is(err, ErrUnsupported) {
				t.Fatalf("error is not one of damage: %v", err)
			}
			return
		}
		// The checksums of the data are put right too.
		if b.small <= len(data) {
			b.smallCRC = encbuf.Checksum(data[:b.small])
		}
		for _, s := range append(b.wants(everything), treeStreams(nil, &b.lines)...) {
			if s.place != placeSmall && s.off()+s.stored() <= len(data) {
				s.crc = encbuf.Checksum(data[s.off():][:s.stored()])
			}
		}
		dir := []Run{{Rows: b.rows, Interval: model.Interval{Mint: mint, Maxt: maxt}}}
		for runs = min(runs, 1000); runs > 1 && dir[0].Rows > 1; runs-- {
			dir[0].Rows--
			dir = append(dir, Run{Rows: 1, Interval: model.Interval{Mint: maxt, Maxt: maxt}})
		}
		for i, cols := range []scan.Columns{0, scan.Sizes, scan.Lines, scan.Metadata, everything, 0, everything, everything} {
			if i == 5 {
				b.KeepIn(NewHot(16<<20), 0)
			}
			q := all(dir)
			q.Columns = cols
			q.Filters = NewFilters([]scan.LineFilter{{Op: scan.Contains, Text: "a"}, {Op: scan.Excludes, Text: "zz"}, {Op: scan.Rejects, Text: "[0-9]{5}.*[a-f]$"}})
			batch, err := b.Decode(Bytes(data), dir, q)
			if err != nil {
				if !errors.Is(err, scan.ErrDamaged) {
					t.Fatalf("error is not one of damage: %v", err)
				}
				continue
			}
			rowsOf(batch)
		}
	})
}

// resum puts the checksum of a prune part right.
func resum(prune []byte) []byte {
	prune = bytes.Clone(prune)
	d := encbuf.NewDecoder(prune)
	var h head
	if h.read(&d) != nil {
		return prune
	}
	at := d.Offset()
	if d.Len() < encbuf.ChecksumLen {
		return prune
	}
	crc := encbuf.UpdateChecksum(encbuf.Checksum(prune[:at]), prune[at+encbuf.ChecksumLen:])
	binary.LittleEndian.PutUint32(prune[at:], crc)
	return prune
}

var rewrite = flag.Bool("rewrite", false, "write the samples of the current version again")

// Blocks of every version and layout ever written can be read.
func TestSampleVersion1(t *testing.T) {
	for _, tc := range []struct {
		name   string
		layout uint8
		rows   []Row
		e      Encoder
		old    bool // an encoder of today would write it differently
	}{
		{"testdata/version1", layoutRows, sample(), Encoder{plain: true}, false},
		{"testdata/version1_templates", layoutTemplates, sampleOfTypes(), Encoder{force: true}, true}, // without runs
		{"testdata/version1_runs", layoutTemplates, sampleOfTypes(), Encoder{force: true}, true},      // without sizes
		{"testdata/version1_sizes", layoutTemplates, sampleOfTypes(), Encoder{force: true}, false},
	} {
		enc, err := tc.e.Encode(tc.rows)
		if err != nil {
			t.Fatal(err)
		}
		parts := map[string][]byte{".prune": enc.Prune, ".data": enc.Data}
		for ext, data := range parts {
			if *rewrite && !tc.old {
				if err := os.WriteFile(tc.name+ext, data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if parts[ext], err = os.ReadFile(tc.name + ext); err != nil {
				t.Fatal(err)
			}
		}
		b, err := Open(parts[".prune"])
		if err != nil {
			t.Fatal(err)
		}
		if b.layout != tc.layout {
			t.Errorf("%s has layout %d, want %d", tc.name, b.layout, tc.layout)
		}
		batch, err := b.Decode(Bytes(parts[".data"]), enc.Runs, all(enc.Runs))
		if err != nil {
			t.Fatal(err)
		}
		if err := diffRows(rowsOf(batch), sortedRows(tc.rows)); err != nil {
			t.Fatal(err)
		}
	}
}

// sampleOfTypes has a column of each type of layout 1.
func sampleOfTypes() []Row {
	rnd := rand.New(rand.NewPCG(1, 10))
	rows := make([]Row, 400)
	for i := range rows {
		ts := int64(1_777_000_000_000_000_000) + int64(i)*250_000_000
		at := time.Unix(0, ts).UTC()
		rows[i] = Row{Stream: uint32(i % 2), Timestamp: ts, Line: fmt.Sprintf(`{"const":"c","int":%d,"pad":"%07d","dec":%d.%02d,"hex":"%016x","uuid":"%08x-0000-4000-8000-%012x","ip":"10.%d.%d.%d","time":"%s","other":"%s","dict":"%s","nested":"job %d took %dms at node %d","hexint":"%x","raw":"%s"}`,
			rnd.IntN(1<<30)-1<<29, rnd.IntN(1e7), rnd.IntN(1e6), rnd.IntN(100), rnd.Uint64(), rnd.Uint32(), rnd.Uint64()>>16, rnd.IntN(256), rnd.IntN(256), rnd.IntN(256),
			at.Format(time.RFC3339Nano), at.Add(-time.Duration(rnd.IntN(1e9))).Format("02/Jan/2006:15:04:05 -0700"), pick(rnd, "red", "green", "blue"), rnd.IntN(1e6), rnd.IntN(1000), rnd.IntN(1e6), rnd.Uint32()>>rnd.IntN(16), randomText(rnd))}
		if i%100 == 0 {
			rows[i].Line = "\x00 has no template\xff"
		}
	}
	return rows
}

func randomText(rnd *rand.Rand) string {
	b := make([]byte, 12)
	for i := range b {
		b[i] = "ghijklmnopqrstuvwxyz"[rnd.IntN(20)]
	}
	return string(b)
}

// The sample has what its name says.
func TestSampleHasAllTypes(t *testing.T) {
	enc := force(t, new(Encoder), sampleOfTypes())
	b, err := Open(enc.Prune)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint8]bool{}
	var walk func(c *column)
	walk = func(c *column) {
		if c.n > 0 {
			seen[c.kind] = true
		}
		if c.tmpl != nil {
			walk(&c.tmpl.rest)
			for i := range c.tmpl.columns {
				walk(&c.tmpl.columns[i])
			}
		}
	}
	walk(&b.lines)
	for kind := range uint8(columnHexInt + 1) {
		if !seen[kind] {
			t.Errorf("no column of type %d", kind)
		}
	}
}
