package storage

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// What was found damaged is remembered for as long as that counts.
func TestDoubtsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &doubts{readers: &readers{}, last: map[ulid.ULID]time.Time{}}
		for n := range byte(5) {
			d.note(&catalog.Entry{ID: ulid.ULID{n}})
			time.Sleep(trustDamage / 2)
		}
		if len(d.last) != 2 {
			t.Errorf("%d segments are remembered, want the last 2", len(d.last))
		}
	})
}
