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

func TestBitsetSlice(t *testing.T) {
	const n = 300
	set := NewBitset(n, false)
	for i := 0; i < n; i += 7 {
		set.Set(i)
	}
	for start := range n {
		for _, end := range []int{start, start + (n-start)/2, n} {
			s := set.Slice(start, end)
			for i := range end - start {
				if s.Get(i) != set.Get(start+i) {
					t.Fatalf("rows %d to %d: row %d is %v", start, end, i, s.Get(i))
				}
			}
			if want := set.CountRange(start, end); s.Count() != want {
				t.Fatalf("rows %d to %d: %d rows, want %d", start, end, s.Count(), want)
			}
		}
	}
}
