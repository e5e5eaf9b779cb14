package tail

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"github.com/skaldlogs/skald/clients/agent/entry"
)

// TestEncodings reads files of several encodings in two steps, with a crash
// between them that leaves the first half of a line.
func TestEncodings(t *testing.T) {
	for _, tc := range []struct {
		name string
		enc  encoding.Encoding
		text string
	}{
		{"", encoding.Nop, "grüße\nzwei\r\n日本\n"},
		{"utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "grüße\n\u0a0a\u0d0a\n日本\n"},
		{"utf-16be", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "grüße\n\u0a0a\u0d0a\n日本\n"},
		{"iso-8859-1", charmap.ISO8859_1, "grüße\nzwei\n"},
		{"windows-1252", charmap.Windows1252, "€ 5\nzwei\n"},
		{"shift_jis", japanese.ShiftJIS, "日本\n表示\n"},
	} {
		t.Run("encoding "+tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHistory(t, 1, "*.log")
				enc, err := ParseEncoding(tc.name)
				h.check(err)
				h.change = func(target *Target) { target.Encoding = enc }
				h.restart(false)
				raw, err := tc.enc.NewEncoder().Bytes([]byte(tc.text))
				h.check(err)
				name := filepath.Join(h.logs, "a.log")
				half := len(raw)/2 | 1 // in the midst of a character of two bytes
				h.check(os.WriteFile(name, raw[:half], 0o600))
				h.turns(3)
				h.restart(true)
				h.check(os.WriteFile(name, raw, 0o600))
				h.settled()
				h.wants(strings.Split(strings.TrimSuffix(tc.text, "\n"), "\n"))
				h.end()
			})
		})
	}
}

// TestCompressedTargets reads files that are compressed, once each, also when a
// crash comes in between and though the last line has no end.
func TestCompressedTargets(t *testing.T) {
	const text = "one\ntwo\nthree"
	compressed := func(w io.WriteCloser, buf *bytes.Buffer) []byte {
		_, err := io.WriteString(w, text)
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	var z, zs bytes.Buffer
	zw, err := zstd.NewWriter(&zs)
	if err != nil {
		t.Fatal(err)
	}
	// There is no writer of bzip2 in the library.
	bz, err := hex.DecodeString("425a6839314159265359cdfa41fd00000441800010024194802000220d3d26843020435c4d929f8bb9229c284866fd20fe80")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		format Format
		data   []byte
	}{
		{Zlib, compressed(zlib.NewWriter(&z), &z)},
		{Zstd, compressed(zw, &zs)},
		{Bzip2, bz},
		{Gzip, nil},
	} {
		t.Run(string(tc.format), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHistory(t, 1, "*")
				if tc.format == Gzip {
					tc.data = gzipped(h, []byte(text))
				}
				h.change = func(target *Target) { target.Format, target.Delay = tc.format, time.Second }
				h.restart(false)
				name := filepath.Join(h.logs, "a."+string(tc.format))
				h.check(os.WriteFile(name, tc.data, 0o600))
				h.check(os.Chtimes(name, time.Now(), time.Now()))
				h.turns(3)
				if len(h.got) > 0 {
					t.Errorf("a file that is not a second old was read: %v", h.got)
				}
				h.turns(20)
				h.restart(true)
				h.settled()
				h.wants(strings.Split(text, "\n"))
				h.end()
			})
		})
	}
}

// TestRotationsWhileStopped rotates five times, in each style, while the agent is
// away, after an end of either kind.
func TestRotationsWhileStopped(t *testing.T) {
	for _, style := range []string{"rename", "dated", "copytruncate", "compress", "delaycompress"} {
		for _, crash := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				h := newHistory(t, 1, "*.log")
				l := h.file("a.log", style)
				l.write(5)
				h.turns(2)
				if h.crash = func() bool { return crash }; crash {
					h.mayCrash()
				}
				h.end()
				h.crash = nil
				for range 5 {
					l.write(3)
					l.rotate(func() {})
				}
				l.write(1)
				h.start()
				h.settled()
				h.verify([]*logFile{l})
				h.end()
			})
		}
	}
}

// TestServerAwayForAMinute has a tailer run while nothing is taken: what files
// hold is not read meanwhile, files that are rotated away and removed are held
// open, and afterwards nothing is missing.
func TestServerAwayForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHistory(t, 1, "*.log")
		away := make(chan struct{})
		h.stages = func(s entry.Sink) entry.Chain { return &blocked{chain: s.(chain), until: away} }
		l := h.file("a.log", "rename")
		l.write(10)
		done := make(chan error)
		go func() { done <- h.tailer.Run(h.ctx) }()
		time.Sleep(10 * time.Second)
		for range 5 {
			l.write(200)
			time.Sleep(2 * time.Second)
			h.check(os.Rename(l.path, l.path+".1"))
			l.write(1)
			time.Sleep(time.Second)
			h.check(os.Remove(l.path + ".1"))
		}
		time.Sleep(40 * time.Second)
		if n := h.book.Ledger().Read.Load(); n != 0 {
			t.Errorf("%d lines were read on while nothing was taken", n)
		}
		close(away)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		h.cancel()
		h.check(<-done)
		h.acknowledge(len(h.flights))
		h.verify([]*logFile{l})
		h.check(h.book.Close())
	})
}

// blocked is a chain that takes nothing for a while.
type blocked struct {
	chain
	until chan struct{}
}

// Put implements [entry.Sink].
func (b *blocked) Put(ctx context.Context, entries []entry.Entry) error {
	select {
	case <-b.until:
		return b.chain.Put(ctx, entries)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wants checks that these lines came once each, and no others.
func (h *history) wants(lines []string) {
	h.Helper()
	for _, line := range lines {
		if n := len(h.got[line]); n != 1 {
			h.Errorf("%q is there %d times, want once", line, n)
		}
	}
	if len(h.got) != len(lines) {
		h.Errorf("the server has %v, want %q", h.got, lines)
	}
}

// TestFoldersWithoutEventsAreSwept has all files of a file system that sends no
// events looked at in each turn, and only a share of them where events come.
func TestFoldersWithoutEventsAreSwept(t *testing.T) {
	for _, blind := range []bool{false, true} {
		tl := New(Options{Poll: 250 * time.Millisecond, Sync: 10 * time.Second})
		tl.watch = &watcher{dirs: map[string]bool{}, sightless: blind}
		for range 400 {
			tl.sweep = append(tl.sweep, &stream{})
		}
		want := 1 + 400*250/10_000
		if blind {
			want = 400
		}
		if got := len(tl.due(time.Now())); got != want {
			t.Errorf("blind %v: %d of 400 files are looked at in a turn, want %d", blind, got, want)
		}
	}
	if !silent(filepath.Join(t.TempDir(), "none")) {
		t.Error("events are expected of a folder that cannot be asked")
	}
}
