package querier

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// letters spells n without digits.
func letters(n int) string {
	var b strings.Builder
	for range 4 {
		b.WriteByte("bcdfghklmnprstvw"[n%16])
		n /= 16
	}
	return b.String()
}

// TestShapesTooLongAndTooMany: shapes that are cut for their length are cut once more
// when there are too many, in whichever order the lines come, and get along with
// others that look like what is left of them.
func TestShapesTooLongAndTooMany(t *testing.T) {
	var many []string
	for n := range maxShapes + 10 {
		many = append(many, fmt.Sprintf("all of these begin alike %s", letters(n)))
	}
	for name, long := range map[string]string{
		"a word across the end":  "foo " + strings.Repeat("x", maxShapeText),
		"one word":               strings.Repeat("é", maxShapeText),
		"a word before the end":  "foo " + strings.Repeat("x", maxShapeText-4) + " bar",
		"no word":                "foo" + strings.Repeat("-", maxShapeText),
		"too many slots in one":  strings.Repeat("1_", 40),
		"too many slots in some": strings.Repeat("1_2_3 ", 13),
	} {
		// What is left of one of them, with words in its slot.
		var own []string
		for range 40 {
			own = append(own, long, "foo bar17", "foo quux18")
		}
		for _, lines := range [][]string{own, append(slices.Clone(own), many...)} {
			got := patternsOfLines(t, lines)
			slices.Reverse(lines)
			if back := patternsOfLines(t, lines); !slices.Equal(got, back) {
				t.Errorf("%s: %d lines have %.200q, and backwards %.200q", name, len(lines), got, back)
			}
			if len(got) < 2 {
				t.Errorf("%s: %d lines have only %.200q", name, len(lines), got)
			}
		}
	}
}

// TestShapesCutTwice: what is cut by steps is as if cut at once.
func TestShapesCutTwice(t *testing.T) {
	for _, text := range []string{
		"", "\x00", "a", "a b c", "a \x00,\x00", strings.Repeat("x", 3000), strings.Repeat("x", maxShapeText) + " b",
		strings.Repeat("-", 3000), strings.Repeat("a-", 700), "foo " + strings.Repeat("x", 2000), "foo \x00 " + strings.Repeat("x", 2000),
		strings.Repeat("\x00_", 50), strings.Repeat("\x00_\x00_\x00 ", 20), strings.Repeat("word ", 300), strings.Repeat("\x00,", 50),
		strings.Repeat("x", maxShapeText-1) + "\x00,x",
	} {
		for from := range shapeDepths {
			once, _ := cutShape(text, from)
			for to := from + 1; to < len(shapeDepths); to++ {
				want, wantSlots := cutShape(text, to)
				if got, slots := cutShape(once, to); got != want || slots != wantSlots {
					t.Errorf("%.40q: %d words and then %d leave %.60q with %d slots, at once %.60q with %d", text, shapeDepths[from], shapeDepths[to], got, slots, want, wantSlots)
				}
			}
		}
	}
}

// TestKnownTextsAreBounded: long shapes are known only as far as there is room, and
// have their patterns all the same.
func TestKnownTextsAreBounded(t *testing.T) {
	b := newShapeBook()
	for n := range 2000 {
		b.addAll(map[string]*bookShape{letters(n) + " " + strings.Repeat("=", 15<<10): {}})
	}
	if b.textBytes > maxKnownBytes || len(b.texts) < 1000 {
		t.Errorf("%d texts of %d bytes are known", len(b.texts), b.textBytes)
	}
	if p := b.plan(1); len(p.shapes) != 2000 || len(p.closed) != len(b.texts) {
		t.Errorf("%d shapes are planned, %d of them known", len(p.shapes), len(p.closed))
	}
}
