package stage

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/pkg/seeds"
)

func newTestRow() *row {
	r := &row{slots: &slots{byName: map[string]int{}}}
	r.begin(&entry.Entry{Labels: entry.NewLabels(labels.EmptyLabels())})
	return r
}

// naiveJSON is what a json stage extracts of a path, by way of encoding/json.
func naiveJSON(doc string, path []string) (text string, k kind) {
	var v any
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return "", kindAbsent
	}
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return "", kindAbsent
		}
		if v, ok = m[name]; !ok {
			return "", kindAbsent
		}
	}
	switch v := v.(type) {
	case nil:
		return "", kindNull
	case string:
		return v, kindText
	case bool:
		return fmt.Sprint(v), kindBool
	case json.Number:
		return "", kindNumber
	default:
		return "", kindText
	}
}

// randomJSON makes an object whose members have few names, so that paths hit.
func randomJSON(rnd *rand.Rand, depth int) string {
	space := []string{"", " ", "\t\n"}[rnd.IntN(3)]
	var b strings.Builder
	b.WriteString("{" + space)
	for i := range rnd.IntN(4) {
		if i > 0 {
			b.WriteString("," + space)
		}
		fmt.Fprintf(&b, "%q:%s", []string{"a", "b", "c.d", "é"}[rnd.IntN(4)], space)
		switch n := rnd.IntN(9); {
		case n < 3 && depth > 0:
			b.WriteString(randomJSON(rnd, depth-1))
		case n == 3:
			b.WriteString(`[1, {"a": [2]}, "]"]`)
		case n == 4:
			b.WriteString([]string{"true", "false", "null"}[rnd.IntN(3)])
		case n == 5:
			b.WriteString([]string{"0", "-1.50", "1e3", "12345678901234567890"}[rnd.IntN(4)])
		default:
			b.WriteString([]string{`""`, `"x y"`, `"\u00e9\n\ud83d\ude00"`, `"\\\""`}[rnd.IntN(4)])
		}
		b.WriteString(space)
	}
	return b.String() + "}" + space
}

// TestJSONAgainstEncodingJSON compares the scan of random objects, whole and
// damaged, with encoding/json.
func TestJSONAgainstEncodingJSON(t *testing.T) {
	paths := [][]string{{"a"}, {"b"}, {"a", "b"}, {"a", "a", "a"}, {"c.d"}, {"é", "a"}}
	tree := &jsonTree{}
	for i, p := range paths {
		tree.add(p, i)
	}
	r := newTestRow()
	for seed := range seeds.Few(t, 20_000) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		doc := randomJSON(rnd, 3)
		if rnd.IntN(3) == 0 {
			at := rnd.IntN(len(doc))
			doc = doc[:at] + []string{"", "}", `"`, ",", "x", "\x01"}[rnd.IntN(6)] + doc[min(len(doc), at+rnd.IntN(2)):]
		}
		ok := r.scan.object(doc, tree, r)
		var object map[string]json.RawMessage
		want := json.Unmarshal([]byte(doc), &object) == nil && strings.TrimSpace(doc) != "null"
		if ok != want {
			t.Fatalf("seed %d: %q is an object: %v, want %v", seed, doc, ok, want)
		}
		if !ok {
			continue
		}
		got := make([]value, len(paths))
		for _, f := range r.scan.found {
			if f.value.kind != kindAbsent {
				got[f.slot] = f.value
			}
		}
		for i, p := range paths {
			text, k := naiveJSON(doc, p)
			if got[i].kind != k || k == kindBool && got[i].text != text {
				t.Fatalf("seed %d: %q at %q is %+v, want %q of kind %d", seed, doc, p, got[i], text, k)
			}
			if k == kindText && text != "" && got[i].text != text {
				t.Fatalf("seed %d: %q at %q is %q, want %q", seed, doc, p, got[i].text, text)
			}
		}
		r.release()
	}
}

// TestRFC3339AgainstTime compares with time.Parse on random and damaged times.
func TestRFC3339AgainstTime(t *testing.T) {
	for seed := range seeds.Few(t, 50_000) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		zone := time.FixedZone("", (rnd.IntN(24*60)-12*60)*60)
		text := time.Unix(rnd.Int64N(8e9)-4e9, rnd.Int64N(1e9)).In(zone).Format(time.RFC3339Nano)
		if rnd.IntN(3) == 0 {
			b := []byte(text)
			b[rnd.IntN(len(b))] = "0123456789TZ:-+. "[rnd.IntN(17)]
			text = string(b)
		}
		got, ok := parseRFC3339(text)
		want, err := time.Parse(time.RFC3339Nano, text)
		if ok && (err != nil || got != want.UnixNano()) {
			t.Fatalf("seed %d: %q is %d, want %d, %v", seed, text, got, want.UnixNano(), err)
		}
		// time.Parse takes some things that RFC 3339 does not, such as a comma or a 60th minute.
		if y := want.Year(); y < 1680 || y > 2260 {
			continue // beyond what nanoseconds can say
		}
		if !ok && err == nil && !strings.HasSuffix(text, ":60") && strings.ContainsAny(text[min(len(text), 19):], ".Z") && !strings.Contains(text, ",") && len(text) >= 20 && text[19] != '+' && text[19] != '-' {
			t.Fatalf("seed %d: %q is not read", seed, text)
		}
	}
	if got, ok := parseRFC3339("2024-02-29T23:59:59.1234567891+00:30"); !ok || got != time.Date(2024, 2, 29, 23, 29, 59, 123456789, time.UTC).UnixNano() {
		t.Errorf("got %d, %v", got, ok)
	}
}

func FuzzCRI(f *testing.F) {
	f.Add("2024-06-10T07:06:40.1Z stdout P ab")
	f.Add("2024-06-10T07:06:40.1+02:00 stderr F:x ")
	f.Add("x stdout F")
	f.Fuzz(func(t *testing.T, line string) {
		c, ok := parseCRI(line)
		if ok && !strings.HasPrefix(line, c.time+" "+c.stream+" "+c.flags) {
			t.Errorf("%q reads as %+v", line, c)
		}
		if ok && c.content != "" && line != c.time+" "+c.stream+" "+c.flags+" "+c.content {
			t.Errorf("%q reads as %+v", line, c)
		}
	})
}

func FuzzDocker(f *testing.F) {
	f.Add(`{"log":"hi\n","stream":"stderr","time":"2024-06-10T07:06:40.1Z"}`)
	f.Add(`{"log":"\ud83d\ude00","stream":null}`)
	r := newTestRow()
	f.Fuzz(func(t *testing.T, line string) {
		defer r.release()
		if ok := r.scan.object(line, dockerPaths, r); !ok {
			return
		}
		// encoding/json takes all that the scan takes, but for its own bound on depth.
		if !json.Valid([]byte(line)) {
			t.Errorf("%q is taken for JSON", line)
		}
	})
}

func FuzzTimestamp(f *testing.F) {
	f.Add("1718000000.5", uint8(0))
	f.Add("2024-06-10T07:06:40.1Z", uint8(5))
	names := []string{"Unix", "UnixMs", "UnixUs", "UnixNs", "Jan _2 15:04:05", "RFC3339Nano", "RFC822", "02/Jan/2006:15:04:05 -0700"}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		format, err := newTimeFormat(names[int(which)%len(names)], nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = format.parse(textValue(text), 1_700_000_000_000_000_000)
	})
}
