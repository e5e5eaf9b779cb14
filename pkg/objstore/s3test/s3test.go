// Package s3test runs a real S3 server for tests: VersityGW over a temporary
// folder, a process of its own that ends with the test. Where the program is not
// on the PATH, tests that want it are skipped and say how to get it:
//
//	go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
//
// It is for the tests of any package. Each [Start] is another server, so that
// tests may run side by side and may stop theirs.
package s3test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/skaldlogs/skald/pkg/parts"
)

// The credentials of the servers.
const (
	Key    = "skald"
	Secret = "not-a-secret"
)

// A Server is a running S3 server with one bucket.
type Server struct {
	// Endpoint is its host and port. It speaks HTTP.
	Endpoint string
	Bucket   string

	tb   testing.TB
	root string
	proc *parts.Process
}

// Start starts a server, or skips the test. It ends with the test.
func Start(tb testing.TB) *Server {
	tb.Helper()
	program, err := exec.LookPath("versitygw")
	if err != nil {
		parts.Lacks(tb, "it needs an S3 server: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0, and have it on the PATH")
	}
	s := &Server{Endpoint: parts.Addr(tb), Bucket: "segments", tb: tb, root: tb.TempDir()}
	s.proc = parts.NewProcess(tb, program, "--access", Key, "--secret", Secret, "--port", s.Endpoint, "--quiet",
		"posix", "--sidecar", filepath.Join(s.root, "metadata"), filepath.Join(s.root, "objects"))
	for _, dir := range []string{filepath.Join("objects", s.Bucket), "metadata"} {
		if err := os.MkdirAll(filepath.Join(s.root, dir), 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	s.Resume()
	return s
}

// Args are the flags that make a server of Skald keep its segments here.
func (s *Server) Args() []string {
	return []string{
		"-s3.endpoint=" + s.Endpoint, "-s3.buckets=" + s.Bucket, "-s3.insecure=true", "-s3.force-path-style=true",
		"-s3.region=us-east-1", "-s3.access-key-id=" + Key, "-s3.secret-access-key=" + Secret,
	}
}

// Another adds an empty bucket, and returns its name.
func (s *Server) Another(name string) string {
	s.tb.Helper()
	if err := os.MkdirAll(filepath.Join(s.root, "objects", name), 0o755); err != nil {
		s.tb.Fatal(err)
	}
	return name
}

// Remove takes all objects below a folder of a bucket away, as no client of it would.
func (s *Server) Remove(bucket, folder string) {
	s.tb.Helper()
	if err := os.RemoveAll(filepath.Join(s.root, "objects", bucket, folder)); err != nil {
		s.tb.Fatal(err)
	}
}

// Resume starts the server again after Stop, with what it had.
func (s *Server) Resume() {
	s.tb.Helper()
	s.proc.Start()
	s.proc.Await("answering", func() bool {
		resp, err := http.Get("http://" + s.Endpoint)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return true
	})
}

// Stop ends the server, as a crash would.
func (s *Server) Stop() { s.proc.Kill() }
