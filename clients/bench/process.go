package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A process is what a process has used so far.
type process struct {
	cpu       time.Duration // user and system
	rss, peak int64         // bytes
}

// ticksPerSecond is the unit of CPU time in /proc: fixed, whatever the kernel's own.
const ticksPerSecond = 100

// usage is that of the process with an id; all zeros for id 0, which says that it
// is not known.
func usage(pid int) (process, error) {
	if pid == 0 {
		return process{}, nil
	}
	p, err := readProcess(pid)
	if err != nil {
		err = fmt.Errorf("pid %d: %w", pid, err)
	}
	return p, err
}

func readProcess(pid int) (process, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return process{}, err
	}
	return parseProcess(stat, status)
}

// parseProcess reads the stat and status files of a process.
func parseProcess(stat, status []byte) (p process, err error) {
	// The name, in parentheses, may hold anything.
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(f) < 13 {
		return p, errors.New("too few fields in the process's stat")
	}
	for _, text := range f[11:13] { // utime, stime
		ticks, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return p, fmt.Errorf("CPU time in the process's stat: %w", err)
		}
		p.cpu += time.Duration(ticks) * time.Second / ticksPerSecond
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		into := map[string]*int64{"VmRSS": &p.rss, "VmHWM": &p.peak}[name]
		if into == nil {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil {
			return p, fmt.Errorf("%s in the process's status: %w", name, err)
		}
		*into = kb << 10
	}
	return p, nil
}

// folderSize adds up the files below a folder. Files that go while it looks do
// not count.
func folderSize(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}
