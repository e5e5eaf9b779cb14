package tail

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWhatIsNotCompressed opens files that are not what their names say.
func TestWhatIsNotCompressed(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.log.1.gz")
	if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, format := range []Format{Gzip, Zlib, Bzip2, Zstd, "none"} {
		id, err := stat(name)
		if err != nil {
			t.Fatal(err)
		}
		g := &generation{name: name, id: id, format: format}
		if err := g.open(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := g.fill(make([]byte, 64)); err == nil {
			t.Errorf("%s: there is text in it", format)
		}
		g.close()
	}
}
