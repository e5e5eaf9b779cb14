package objstore_test

import (
	"bytes"
	"testing"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// What does a range of a folder cost, as readers of segments take it and by way of
// a reader of the object?
func BenchmarkFolderRange(b *testing.B) {
	f, err := objstore.OpenFolder(vfs.OS, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	const size = 8 << 20
	if err := f.Put(b.Context(), "a/b", bytes.NewReader(make([]byte, size)), size); err != nil {
		b.Fatal(err)
	}
	for name, bucket := range map[string]objstore.Bucket{"filled": f, "read": struct{ objstore.Bucket }{f}} {
		for _, n := range []int{4 << 10, 256 << 10} {
			b.Run(name+map[int]string{4 << 10: "/4K", 256 << 10: "/256K"}[n], func(b *testing.B) {
				p := make([]byte, n)
				off := int64(0)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					if err := objstore.ReadRange(b.Context(), bucket, "a/b", p, off); err != nil {
						b.Fatal(err)
					}
					off = (off + int64(n)) % size
				}
			})
		}
	}
}
