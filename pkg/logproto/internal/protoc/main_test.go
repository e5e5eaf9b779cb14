package main

import "testing"

// Generated files that are not those of the .proto files are a lie.
func TestGeneratedFilesAreFresh(t *testing.T) {
	if err := run("../../..", true); err != nil {
		t.Error(err)
	}
}
