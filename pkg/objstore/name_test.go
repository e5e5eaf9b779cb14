package objstore_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/seeds"
)

var oddTenants = []string{
	"", "fake", "Fake", "FAKE", "*", "..", ".", "...", "a.b", ".a", "a.", "a'b(c)", "!-_.*'()", "=", "==", "=2a", "a/b", "../a",
	"con", "CON", "con.txt", "com1", "com10", "aux.", "\x00", "\xff", "é", "a b", "tmp", "a=", "0",
	strings.Repeat("A", 84), strings.Repeat("A", 85), strings.Repeat("A", 86), strings.Repeat("*", 150), strings.Repeat("a", 150), strings.Repeat("\xff", 158),
}

func TestEncodeTenant(t *testing.T) {
	for _, tc := range []struct{ id, want string }{
		{"team-a_1.prod", "team-a_1.prod"},
		{"Team", "=54eam"},
		{"..", "=2e=2e"},
		{"*", "=2a"},
		{"a'b(c)", "a=27b=28c=29"},
		{"nul.x", "=6eul.x"},
		{"null", "null"},
		{"", "="},
	} {
		if got := objstore.EncodeTenant(tc.id); got != tc.want {
			t.Errorf("EncodeTenant(%q) = %q, want %q", tc.id, got, tc.want)
		}
	}
}

// Different ids never share an element, not even on a store that takes capital
// and small letters for one.
func TestTenantsStayApart(t *testing.T) {
	seen := map[string]string{}
	try := func(id string) {
		element := objstore.EncodeTenant(id)
		if err := objstore.CheckName(element); err != nil {
			t.Errorf("EncodeTenant(%q): %v", id, err)
		}
		if back, err := objstore.DecodeTenant(element); err != nil || back != id {
			t.Errorf("DecodeTenant(%q) = %q, %v, want %q", element, back, err, id)
		}
		if other, ok := seen[strings.ToLower(element)]; ok && other != id {
			t.Errorf("%q and %q are both %q", id, other, element)
		}
		seen[strings.ToLower(element)] = id
	}
	for _, id := range oddTenants {
		try(id)
	}
	const alphabet = "aA=.0245ef*/-\x00\xff"
	for seed := range seeds.Few(t, 20_000) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		id := make([]byte, rnd.IntN(7))
		if rnd.IntN(50) == 0 {
			id = make([]byte, rnd.IntN(159))
		}
		for i := range id {
			id[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		try(string(id))
	}
}

func TestDecodeTenantRefuses(t *testing.T) {
	for _, element := range []string{"A", "=4", "=4g", "=2A", "=61", "==00", "==!", ".a", "con", "a*"} {
		if id, err := objstore.DecodeTenant(element); err == nil {
			t.Errorf("DecodeTenant(%q) = %q, want an error", element, id)
		}
	}
}

func FuzzDecodeTenant(f *testing.F) {
	for _, id := range oddTenants {
		f.Add(objstore.EncodeTenant(id))
	}
	f.Fuzz(func(t *testing.T, element string) {
		id, err := objstore.DecodeTenant(element)
		if err == nil && objstore.EncodeTenant(id) != element {
			t.Errorf("%q decodes to %q, which encodes to %q", element, id, objstore.EncodeTenant(id))
		}
	})
}
