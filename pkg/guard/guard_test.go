package guard_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/guard"
)

func TestDo(t *testing.T) {
	if err := guard.Do(func() error { return nil }); err != nil {
		t.Error(err)
	}
	wrong := errors.New("wrong")
	if err := guard.Do(func() error { return wrong }); err != wrong {
		t.Errorf("error %v, want %v", err, wrong)
	}
	err := guard.Do(func() error { panic("a mistake") })
	if err == nil || !strings.Contains(err.Error(), "a mistake") || !strings.Contains(err.Error(), "guard_test.go") {
		t.Errorf("error %v, want the panic and its place", err)
	}
}
