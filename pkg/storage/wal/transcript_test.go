package wal_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/wal"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// A scene is the state that a transcript works on.
type scene struct {
	t      *testing.T
	mem    *vfs.Mem
	fsys   *vfs.Faulty
	fail   vfs.Op // operations on log files that fail
	opts   wal.Options
	log    *wal.Log
	writer *wal.Writer
}

// TestTranscripts plays the scripts under testdata/transcripts:
//
//	open [sync=group|interval|off] [file-size=N]
//	begin
//	append [tenant=T] [level=disk]     a line of input is a line of log
//	streams [tenant=T]                 each line: labels newest
//	sync | close | remove gen=N
//	fail op=write|sync|syncdir|none    of log files; syncdir of the folder
//	room bytes=N|any
//	crash seed=N                       what a power cut leaves
//	kill                               what the death of the process leaves: all bytes
//	replay gen=N | ls
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		s := &scene{t: t}
		s.mount(vfs.NewMem())
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out, err := s.play(d)
			if err != nil {
				return "error: " + err.Error() + "\n"
			}
			if out == "" {
				return "ok\n"
			}
			return out
		})
	})
}

func (s *scene) mount(mem *vfs.Mem) {
	s.mem = mem
	s.fail = "none"
	s.fsys = vfs.NewFaulty(mem, func(op vfs.Op, name string) error {
		if op == s.fail && (op == vfs.OpSyncDir || isLog(name)) {
			return syscall.EIO
		}
		return nil
	})
	s.log, s.writer = nil, nil
}

func (s *scene) play(d *datadriven.TestData) (string, error) {
	switch d.Cmd {
	case "open":
		s.opts = wal.Options{FS: s.fsys, Interval: math.MaxInt64}
		for _, arg := range d.CmdArgs {
			switch arg.Key {
			case "sync":
				check(s.t, s.opts.Sync.Set(arg.Vals[0]))
			case "file-size":
				arg.Scan(s.t, 0, &s.opts.FileSize)
			}
		}
		var err error
		if s.log, err = wal.Open("wal", s.opts); err != nil {
			return "", err
		}
		return fmt.Sprintf("generations on disk: %v\n", s.log.Generations()), nil
	case "begin":
		w, err := s.log.Begin()
		if err != nil {
			return "", err
		}
		s.writer = w
		return fmt.Sprintf("generation %d\n", w.Generation()), nil
	case "append":
		return s.append(d)
	case "streams":
		var states []wal.StreamState
		for _, text := range strings.Split(d.Input, "\n") {
			labels, newest, _ := strings.Cut(text, " ")
			state := wal.StreamState{Labels: labels, LastSeen: 9}
			if _, err := fmt.Sscan(newest, &state.Newest); err != nil {
				return "", err
			}
			states = append(states, state)
		}
		return "", s.writer.AppendStreams(tenantOf(d), states)
	case "sync":
		return "", s.writer.Sync()
	case "close":
		return "", s.writer.Close()
	case "remove":
		var g uint64
		d.ScanArgs(s.t, "gen", &g)
		return "", s.log.Remove(g)
	case "fail":
		var op string
		d.ScanArgs(s.t, "op", &op)
		s.fail = vfs.Op(op)
		return "", nil
	case "room":
		budget := int64(-1)
		if arg, _ := d.Arg("bytes"); arg.Vals[0] != "any" {
			arg.Scan(s.t, 0, &budget)
		}
		s.fsys.SetBudget(budget)
		return "", nil
	case "crash":
		var seed uint64
		d.ScanArgs(s.t, "seed", &seed)
		s.mount(s.mem.Crash(rand.New(rand.NewPCG(seed, 0))))
		return "", nil
	case "kill":
		s.mount(copyLog(s.t, s.mem, nil))
		return "", nil
	case "replay":
		return s.replay(d)
	case "ls":
		return strings.Join(append(names(s.t, s.mem), ""), "\n"), nil
	}
	return "", fmt.Errorf("unknown verb %q", d.Cmd)
}

func tenantOf(d *datadriven.TestData) string {
	tenant := "a"
	if d.HasArg("tenant") {
		arg, _ := d.Arg("tenant")
		tenant = arg.Vals[0]
	}
	return tenant
}

func (s *scene) append(d *datadriven.TestData) (string, error) {
	level := "memory"
	d.MaybeScanArgs(s.t, "level", &level)
	want, err := wal.ParseLevel(level)
	if err != nil {
		return "", err
	}
	b := model.Batch{Tenant: tenantOf(d), Streams: []model.Stream{{Labels: `{app="api"}`}}}
	for i, text := range strings.Split(d.Input, "\n") {
		b.Streams[0].Entries = append(b.Streams[0].Entries, model.Entry{Timestamp: int64(i), Line: text})
	}
	got, err := s.writer.Append(&b, want)
	if err != nil {
		return "", err
	}
	return got.String() + "\n", nil
}

func (s *scene) replay(d *datadriven.TestData) (string, error) {
	var g uint64
	d.ScanArgs(s.t, "gen", &g)
	var c collector
	stats, err := s.log.Replay(context.Background(), g, &c)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, r := range c.records {
		for _, st := range r.states {
			fmt.Fprintf(&out, "%s streams %s %d\n", r.tenant, st.Labels, st.Newest)
		}
		for _, st := range r.batch.Streams {
			for _, e := range st.Entries {
				fmt.Fprintf(&out, "%s %s %s\n", r.batch.Tenant, st.Labels, e.Line)
			}
		}
	}
	if text := report(stats); text != "" {
		fmt.Fprintln(&out, text)
	}
	if out.Len() == 0 {
		return "nothing\n", nil
	}
	return out.String(), nil
}
