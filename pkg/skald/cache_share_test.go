package skald

import "testing"

func TestCacheShare(t *testing.T) {
	for _, tc := range []struct {
		name                 string
		memory, least, share int64
	}{
		{"half a GB", 512 << 20, 128 << 20, 64 << 20},
		{"a GB", 1 << 30, 128 << 20, 128 << 20},
		{"what is at least", 2 << 30, 128 << 20, 128 << 20},
		{"a share", 32 << 30, 128 << 20, 1 << 30},
		{"a share of the other", 4 << 30, 64 << 20, 128 << 20},
		{"far more than there is", 1 << 45, 64 << 20, 1 << 40},
	} {
		if got := cacheShare(tc.memory, tc.least); int64(got) != tc.share {
			t.Errorf("%s: of %d bytes %d are for a cache, want %d", tc.name, tc.memory, got, tc.share)
		}
	}
}
