package stage_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
)

// The types of MaxMind's data format.
const (
	mmString = 2
	mmDouble = 3
	mmUint16 = 5
	mmUint32 = 6
	mmMap    = 7
	mmUint64 = 9
	mmArray  = 11
)

// A pair is a member of a map, in order.
type pair struct {
	name  string
	value any
}

// appendMM appends a value in MaxMind's data format, for as much of it as the
// tests need.
func appendMM(dst []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return append(appendControl(dst, mmString, len(v)), v...)
	case float64:
		return binary.BigEndian.AppendUint64(appendControl(dst, mmDouble, 8), math.Float64bits(v))
	case uint16:
		return binary.BigEndian.AppendUint16(appendControl(dst, mmUint16, 2), v)
	case uint32:
		return binary.BigEndian.AppendUint32(appendControl(dst, mmUint32, 4), v)
	case uint64:
		return binary.BigEndian.AppendUint64(appendControl(dst, mmUint64, 8), v)
	case []pair:
		dst = appendControl(dst, mmMap, len(v))
		for _, p := range v {
			dst = appendMM(appendMM(dst, p.name), p.value)
		}
		return dst
	case []any:
		dst = appendControl(dst, mmArray, len(v))
		for _, e := range v {
			dst = appendMM(dst, e)
		}
		return dst
	default:
		panic(fmt.Sprintf("a value of type %T", v))
	}
}

func appendControl(dst []byte, kind, size int) []byte {
	extended := -1
	if kind > 7 {
		kind, extended = 0, kind-7
	}
	long := -1
	if size >= 29 {
		size, long = 29, size-29
	}
	dst = append(dst, byte(kind<<5|size))
	if extended >= 0 {
		dst = append(dst, byte(extended))
	}
	if long >= 0 {
		dst = append(dst, byte(long))
	}
	return dst
}

// database writes a database of IPv4 in which the lower half of all addresses
// have a record, and the upper half have none.
func database(t *testing.T, kind string, record any) string {
	t.Helper()
	var b bytes.Buffer
	// One node of two records of 24 bits: data begins at the number of nodes plus 16.
	b.Write([]byte{0, 0, 1 + 16, 0, 0, 1})
	b.Write(make([]byte, 16))
	b.Write(appendMM(nil, record))
	b.WriteString("\xab\xcd\xefMaxMind.com")
	b.Write(appendMM(nil, []pair{
		{"binary_format_major_version", uint16(2)},
		{"binary_format_minor_version", uint16(0)},
		{"build_epoch", uint64(1)},
		{"database_type", kind},
		{"description", []pair{{"en", "test"}}},
		{"ip_version", uint16(4)},
		{"languages", []any{"en"}},
		{"node_count", uint32(1)},
		{"record_size", uint16(24)},
	}))
	file := filepath.Join(t.TempDir(), "test.mmdb")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func name(s string) []pair { return []pair{{"names", []pair{{"en", s}, {"de", s + "?"}}}} }

func TestGeoIP(t *testing.T) {
	city := database(t, "City", []pair{
		{"city", name("Ghent")},
		{"continent", append([]pair{{"code", "EU"}}, name("Europe")...)},
		{"country", name("Belgium")},
		{"location", []pair{{"latitude", 51.05}, {"longitude", 3.75}, {"time_zone", "Europe/Brussels"}}},
		{"postal", []pair{{"code", "9000"}}},
		{"subdivisions", []any{append([]pair{{"iso_code", "VLG"}}, name("Flanders")...)}},
	})
	asn := database(t, "ASN", []pair{
		{"autonomous_system_number", uint32(64500)},
		{"autonomous_system_organization", "Example"},
	})
	for _, tc := range []struct{ db, kind, line, want string }{
		{city, "city", "10.1.2.3", `{geoip_city_name="Ghent", geoip_continent_code="EU", geoip_continent_name="Europe", geoip_country_name="Belgium", geoip_location_latitude="51.05", geoip_location_longitude="3.75", geoip_postal_code="9000", geoip_subdivision_code="VLG", geoip_subdivision_name="Flanders", geoip_timezone="Europe/Brussels"}`},
		{city, "city", "200.1.2.3", `{}`},
		{city, "city", "no address", `{}`},
		{asn, "asn", "10.1.2.3", `{geoip_autonomous_system_number="64500", geoip_autonomous_system_organization="Example"}`},
	} {
		p := newPipeline(t, fmt.Sprintf("[{regex: {expression: '^(?P<ip>.*)$'}}, {geoip: {db: %q, db_type: %s, source: ip}}]", tc.db, tc.kind))
		var out keeper
		err := p.Chain(&out).Put(context.Background(), []entry.Entry{{Labels: entry.NewLabels(labels.EmptyLabels()), Line: tc.line}})
		if err != nil {
			t.Fatal(err)
		}
		if out.labels != tc.want {
			t.Errorf("%s by %s: %s, want %s", tc.line, tc.kind, out.labels, tc.want)
		}
	}
}

// keeper is a sink that keeps the labels of the last entry.
type keeper struct{ labels string }

func (k *keeper) Put(_ context.Context, entries []entry.Entry) error {
	k.labels = entries[len(entries)-1].Labels.All().String()
	return nil
}
