package tail

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// TestPositionsOfPathsThatAreGoneAreForgotten has positions of files in all
// states, and looks at them for two days.
func TestPositionsOfPathsThatAreGoneAreForgotten(t *testing.T) {
	dir := t.TempDir()
	book, err := position.Open(vfs.OS, filepath.Join(dir, "positions.yaml"), position.NewLedger("c"), position.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	at := func(name string) string { return filepath.Join(dir, name) }
	for i, name := range []string{"gone", "named", "there", "rotated", "followed", "back"} {
		book.NewFile(position.Name{Job: "j", Path: at(name), File: position.File{Inode: uint64(i + 1)}}, 10)
	}
	for _, name := range []string{"there", "rotated.1"} {
		if err := os.WriteFile(at(name), []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tl := New(Options{Book: book, Logger: log.NewNopLogger()})
	tl.streams[streamKey{"j", at("followed")}] = &stream{}
	found := map[streamKey]*Target{{"j", at("named")}: {}}
	start := time.Now()
	left := func() string {
		text := ""
		for _, name := range []string{"gone", "named", "there", "rotated", "followed", "back"} {
			if len(book.Files(at(name))) > 0 {
				text += name + " "
			}
		}
		return text
	}
	const all = "gone named there rotated followed back "
	for _, step := range []struct {
		name  string
		after time.Duration
		back  bool // the path "back" is named
		want  string
	}{
		{"at the start", 0, false, all},
		{"almost a day later", forgetAfter - time.Second, true, all},
		{"a day later", forgetAfter, false, "named there rotated followed back "},
		{"almost a day after it was named last", 2*forgetAfter - time.Second, false, "named there rotated followed back "},
		{"a day after that", 2 * forgetAfter, false, "named there rotated followed "},
	} {
		if step.back {
			found[streamKey{"j", at("back")}] = &Target{}
		} else {
			delete(found, streamKey{"j", at("back")})
		}
		tl.forget(found, start.Add(step.after))
		if got := left(); got != step.want {
			t.Errorf("%s: positions of %s, want %s", step.name, got, step.want)
		}
	}
}
