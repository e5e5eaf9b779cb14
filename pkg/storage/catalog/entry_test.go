package catalog

import (
	"bytes"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// sample is the entry of testdata/v1.entry, which version 1 wrote.
var sample = Entry{
	ID: ulid.MustParse("01JD8Q4Z6N3T9V5W7XBRCYHMKE"), Tenant: "Team é", Object: "segments/=54eam=20=c3=a9/01JD8Q4Z6N3T9V5W7XBRCYHMKE",
	Size: 123456, Interval: model.Interval{Mint: 1700000000000000000, Maxt: math.MaxInt64}, Level: 1,
	Sources:  []scan.Generation{{Ingester: "ingester-0", ID: 7}, {Ingester: "ingester-1", ID: math.MaxUint64}},
	Replaces: []ulid.ULID{ulid.MustParse("01JD8Q4Z6N0000000000000000")},
	Stats:    Stats{Streams: 1, Blocks: 2, Rows: 3, Bytes: 4, MetadataBytes: 5},
	Created:  time.Unix(1700000000, 1).UTC(),
}

// Every version ever written stays readable.
func TestReadsVersion1(t *testing.T) {
	data, err := os.ReadFile("testdata/v1.entry")
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, sample) {
		t.Errorf("decoded %+v, want %+v", got, sample)
	}
	if again, err := got.encode(); err != nil || !bytes.Equal(again, data) {
		t.Errorf("encoded again: %v\n%s\nwant\n%s", err, again, data)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good, err := sample.encode()
	if err != nil {
		t.Fatal(err)
	}
	header, body, _ := strings.Cut(string(good), "\n")
	reheader := func(body string) string { return string(encbuf.Frame(magic, version, []byte(body))) }
	for _, tc := range []struct{ name, data, want string }{
		{"nothing", "", "no header"},
		{"no line", header, "no header"},
		{"another file", "hello world\n", "header"},
		{"cut short", string(good[:len(good)-1]), "what follows"},
		{"something behind", string(good) + " ", "what follows"},
		{"a newer version", strings.Replace(string(good), "catalog 1", "catalog 2", 1), "version 2"},
		{"a lenient header", strings.Replace(string(good), "catalog 1", "catalog +1", 1), "header"},
		{"not JSON", reheader("{"), "JSON"},
		{"no id", reheader(`{"tenant":"t","object":"o"}`), "no id"},
		{"an object out of bounds", reheader(strings.Replace(body, "segments/=54", "../", 1)), "object name"},
		{"a negative size", reheader(strings.Replace(body, `"size":`, `"size":-`, 1)), "negative"},
		{"an empty interval", reheader(strings.Replace(body, `"maxt":`, `"maxt":-`, 1)), "empty"},
		{"a replacing level 0", reheader(strings.Replace(body, `"level":1`, `"level":0`, 1)), "level 0"},
	} {
		_, err := decode([]byte(tc.data))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want an error with %q", tc.name, err, tc.want)
		}
	}
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if _, err := decode(bad); err == nil {
				t.Errorf("bit %d of byte %d flipped: no error", bit, i)
			}
		}
	}
}

func TestEncodeRoundTrip(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		var id ulid.ULID
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		id[0] |= 1
		id[0] &= 0x7f
		mint := rapid.Int64().Draw(t, "mint")
		want := Entry{
			ID: id, Tenant: rapid.String().Draw(t, "tenant"), Object: "o", Size: rapid.Int64Min(0).Draw(t, "size"),
			Interval: model.Interval{Mint: mint, Maxt: rapid.Int64Min(mint).Draw(t, "maxt")},
			Level:    rapid.IntRange(1, 9).Draw(t, "level"),
			Created:  time.Unix(0, rapid.Int64().Draw(t, "created")).UTC(),
		}
		for range rapid.IntRange(0, 3).Draw(t, "sources") {
			want.Sources = append(want.Sources, scan.Generation{Ingester: rapid.String().Draw(t, "ingester"), ID: rapid.Uint64().Draw(t, "generation")})
		}
		data, err := want.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(data)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("decoded %+v, %v, want %+v", got, err, want)
		}
	})
}

func FuzzDecode(f *testing.F) {
	good, err := sample.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("skald-catalog 1 2 8229b43f\n{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		// The checksum keeps a fuzzer out: give it what it would never find.
		for _, object := range [][]byte{data, encbuf.Frame(magic, version, data)} {
			e, err := decode(object)
			if err != nil {
				continue
			}
			again, err := e.encode()
			if err != nil {
				t.Fatalf("decoded, but cannot be encoded: %v", err)
			}
			if back, err := decode(again); err != nil || !reflect.DeepEqual(back, e) {
				t.Fatalf("decoded %+v, then %+v, %v", e, back, err)
			}
		}
	})
}
