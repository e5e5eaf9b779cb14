package block

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// wholeString reports whether text is all of a string of JSON or logfmt: no quote
// ends it, and no backslash at its end takes the quote behind it.
func wholeString(text string) bool {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return false
		case '\\':
			if i++; i == len(text) {
				return false
			}
		}
	}
	return true
}

// badSlot says what of the format's promise about slots the parts of a line break,
// if anything.
func badSlot(line string, tok *tokens) string {
	static := tok.static
	object := len(static) > 0 && static[0] == '{' && static[len(static)-1] == '}'
	if !object && !wholeValues(static) {
		return ""
	}
	quoted, slot := false, 0
	for i := 0; i < len(static); i++ {
		switch c := static[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == 0:
			text := line[tok.slots[slot].start:tok.slots[slot].end]
			slot++
			before, after := byte(0), byte(' ')
			if i > 0 {
				before = static[i-1]
			}
			if i+1 < len(static) {
				after = static[i+1]
			}
			quoted := object && quoted || !object && i > 1 && before == '"' && static[i-2] == '='
			inNumber := func(c byte) bool { return classes[c]&isWord != 0 || c == '.' || c == '-' || c == '+' }
			switch {
			case quoted && (before != '"' || after != '"' || !wholeString(text)):
				return "a string: " + text
			case quoted:
			case object:
				if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < 0x80 && !inNumber(byte(r)) }) || after != 0 && i+1 < len(static) && inNumber(after) || after == 0 {
					return "a value of an object: " + text
				}
			case before != '=' || strings.HasPrefix(text, `"`) || strings.ContainsAny(text, " \n") || after != ' ' && after != '\n':
				return "a value of a pair: " + text
			}
		}
	}
	return ""
}

// What a reader may rely on about slots is so for whatever lines, or the fields of
// lines would be answered wrongly.
func TestSlotsAreWhatTheFormatSays(t *testing.T) {
	var tok tokens
	check := func(line string) {
		if !tok.take([]byte(line), 0) {
			return
		}
		if bad := badSlot(line, &tok); bad != "" {
			t.Fatalf("line %q has the template %q and in a slot %s", line, tok.static, bad)
		}
	}
	spice := []string{`"`, `\`, "=", " ", "\t", "\n", "{", "}", "[", "]", ":", ",", "-", "+", ".", "_", "1", "x", "é", `\"`, `\\`, `":`, `="`, "\x01"}
	for seed := range seeds.Few(t, 40) {
		r := rand.New(rand.NewPCG(seed, 9))
		rows := trickyRows(r)
		for f := range families {
			rows = append(rows, familyRows(f, r.Uint64(), 3000)...)
		}
		for _, row := range rows {
			check(row.Line)
			b := []byte(row.Line)
			for range r.IntN(4) {
				at := r.IntN(len(b) + 1)
				b = append(b[:at:at], append([]byte(spice[r.IntN(len(spice))]), b[at:]...)...)
			}
			check(string(b))
			check("{" + string(bytes.TrimPrefix(b, []byte("{"))) + "}")
			check("a=" + strings.ReplaceAll(string(b), ",", " b="))
		}
	}
}

// Numbers are what their text means, although no text is made of them.
func TestPackedNumbersAreThoseOfTheirText(t *testing.T) {
	for seed := range seeds.Few(t, 20_000) {
		r := rand.New(rand.NewPCG(seed, 10))
		mantissa, scale := r.Int64()>>r.IntN(63), r.IntN(19)
		if r.IntN(2) == 0 {
			mantissa = -mantissa
		}
		text := string(appendInt(nil, mantissa))
		if scale > 0 {
			text = string(appendDecimal(nil, mantissa, scale))
		}
		for unit, nanos := range units {
			want, err := extract.Duration(text + unit)
			got, ok := seconds(mantissa, scale, nanos)
			if ok != (err == nil) || ok && got != want {
				t.Fatalf("%s%s is %v seconds (%v), want %v (%v)", text, unit, got, ok, want, err)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 11))
	lines := make([]Row, 4000)
	for i := range lines {
		x, scale := r.Int64N(1<<53)>>r.IntN(53), 1+r.IntN(9)
		lines[i] = Row{Timestamp: int64(i), Line: `{"n":` + string(appendDecimal(nil, x, scale)) + `}`}
	}
	enc, err := new(Encoder).Encode(lines)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(enc.Prune)
	if err != nil {
		t.Fatal(err)
	}
	q := all(enc.Runs)
	q.Fields = &scan.Fields{Parser: scan.JSON, Fields: []scan.Field{{Name: "n"}}, Vectors: []scan.VectorWant{{Field: 0, As: scan.Number}}}
	batch, err := b.Decode(Bytes(enc.Data), enc.Runs, q)
	if err != nil || batch.Answer == nil || batch.How != scan.ByColumns {
		t.Fatalf("%+v, %v", batch, err)
	}
	for i, line := range batch.Lines {
		want, err := extract.Number(line[len(`{"n":`) : len(line)-1])
		if got := batch.Answer.Vectors[0].Numbers[i]; err != nil || got != want {
			t.Fatalf("%s is %v, want %v (%v)", line, got, want, err)
		}
	}
}
