package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseProcess(t *testing.T) {
	const (
		stat   = "7 (a) b (c) S 1 7 7 0 -1 4194560 22 0 0 0 250 75 0 0 20 0 9 0 1\n"
		status = "Name:\ta\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t9\n"
	)
	p, err := parseProcess([]byte(stat), []byte(status))
	if want := (process{cpu: 3250 * time.Millisecond, rss: 1 << 20, peak: 2 << 20}); err != nil || p != want {
		t.Errorf("%+v, %v, want %+v", p, err, want)
	}
	for _, tc := range []struct{ name, stat, status, want string }{
		{"empty", "", "", "too few fields"},
		{"cut short", "7 (a) S 1 7 7 0", "", "too few fields"},
		{"no number of ticks", strings.Replace(stat, "250", "x", 1), status, "CPU time"},
		{"no number of bytes", stat, "VmRSS:\tmuch kB\n", "VmRSS in the process's status"},
	} {
		if _, err := parseProcess([]byte(tc.stat), []byte(tc.status)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %s", tc.name, err, tc.want)
		}
	}
}

func FuzzParseProcess(f *testing.F) {
	f.Add([]byte("7 (a) S 1 7 7 0 -1 4194560 22 0 0 0 250 75 0 0"), []byte("VmHWM:\t 2048 kB\n"))
	f.Fuzz(func(_ *testing.T, stat, status []byte) { _, _ = parseProcess(stat, status) })
}

func TestUsage(t *testing.T) {
	if p, err := usage(0); err != nil || p != (process{}) {
		t.Errorf("no process: %+v, %v", p, err)
	}
	p, err := usage(os.Getpid())
	if err != nil || p.rss == 0 || p.peak < p.rss {
		t.Errorf("this process: %+v, %v", p, err)
	}
	if _, err := usage(1 << 30); err == nil || !strings.Contains(err.Error(), "pid 1073741824: ") {
		t.Errorf("a process that is not there: %v", err)
	}
}

func TestFolderSize(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"a": 100, "b/c": 50} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := folderSize(dir); err != nil || n != 150 {
		t.Errorf("%d bytes, %v, want 150", n, err)
	}
}
