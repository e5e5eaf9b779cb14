package main

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"skaldtool": main})
}

// The scripts find the sample of the segment package as sample.segment.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			data, err := os.ReadFile(filepath.FromSlash("../../pkg/storage/segment/testdata/version1.segment"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(e.WorkDir, "sample.segment"), data, 0o644)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// flip FILE OFFSET changes a byte; an offset below 0 counts from the end.
			"flip": func(ts *testscript.TestScript, _ bool, args []string) {
				name := ts.MkAbs(args[0])
				data, err := os.ReadFile(name)
				ts.Check(err)
				off, err := strconv.Atoi(args[1])
				ts.Check(err)
				if off < 0 {
					off += len(data)
				}
				data[off] ^= 1
				ts.Check(os.WriteFile(name, data, 0o644))
			},
		},
	})
}
