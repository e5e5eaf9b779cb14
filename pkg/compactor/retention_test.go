package compactor

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/limits"
)

func TestPeriodOfAStream(t *testing.T) {
	rule := func(selector string, priority int, hours int) limits.StreamRetention {
		return limits.StreamRetention{Selector: selector, Priority: priority, Period: limits.Duration(time.Duration(hours) * time.Hour)}
	}
	of := func(hours int, rules ...limits.StreamRetention) limits.Limits {
		return limits.Limits{RetentionPeriod: limits.Duration(time.Duration(hours) * time.Hour), RetentionStream: rules}
	}
	stream := labels.FromStrings("app", "shop", "env", "prod")
	for _, tc := range []struct {
		name        string
		own, global limits.Limits
		hours       int
	}{
		{"nothing said is for ever", of(0), of(0), 0},
		{"its own period", of(48), of(24), 48},
		{"a rule before the period", of(48, rule(`{app="shop"}`, 1, 30)), of(0), 30},
		{"a rule that does not match", of(48, rule(`{app="other"}`, 1, 30)), of(0), 48},
		{"all matchers of a rule", of(48, rule(`{app="shop", env="dev"}`, 1, 30)), of(0), 48},
		{"a label that is not there is empty", of(48, rule(`{team="", app="shop"}`, 1, 30)), of(0), 30},
		{"the higher priority", of(48, rule(`{app="shop"}`, 1, 30), rule(`{env=~"p.*"}`, 2, 40)), of(0), 40},
		{"of equal ones the shorter", of(48, rule(`{app="shop"}`, 1, 40), rule(`{env="prod"}`, 1, 30)), of(0), 30},
		{"its own rule before that of all, whatever the priority", of(48, rule(`{app="shop"}`, 1, 40)), of(24, rule(`{app="shop"}`, 9, 30)), 40},
		{"a rule of all before its own period", of(48), of(24, rule(`{app="shop"}`, 1, 30)), 30},
		{"a rule may keep longer", of(48, rule(`{app="shop"}`, 1, 100)), of(0), 100},
	} {
		r, err := retentionOf(&tc.own, &tc.global)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := r.keeps(stream), time.Duration(tc.hours)*time.Hour; got != want {
			t.Errorf("%s: %s, want %s", tc.name, got, want)
		}
		now := epoch.Add(1000 * time.Hour)
		some, all := r.bounds(now)
		if cutoff := r.cutoff(now, stream); cutoff > some || cutoff < all {
			t.Errorf("%s: cutoff %d is not between %d and %d", tc.name, cutoff, all, some)
		}
	}
}
