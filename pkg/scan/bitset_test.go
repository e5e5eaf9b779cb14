package scan

import "testing"

func TestBitset(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 200} {
		full := NewBitset(n, true)
		if got := full.Count(); got != n {
			t.Errorf("full set of %d rows counts %d", n, got)
		}
		some := NewBitset(n, false)
		want := 0
		for i := 0; i < n; i += 3 {
			some.Set(i)
			want++
		}
		if got := some.Count(); got != want {
			t.Errorf("%d rows: every third counts %d, want %d", n, got, want)
		}
		some.Not()
		if got := some.Count(); got != n-want {
			t.Errorf("%d rows: the complement counts %d, want %d", n, got, n-want)
		}
		full.And(some)
		for i := range n {
			if full.Get(i) != (i%3 != 0) {
				t.Errorf("%d rows: row %d is %v after And", n, i, full.Get(i))
			}
		}
	}
}
