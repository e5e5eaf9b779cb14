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
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
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
	cmd  *exec.Cmd
	done chan struct{}
}

// Start starts a server, or skips the test. It ends with the test.
func Start(tb testing.TB) *Server {
	tb.Helper()
	if _, err := exec.LookPath("versitygw"); err != nil {
		tb.Skip("needs an S3 server: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0, and have it on the PATH")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{Endpoint: l.Addr().String(), Bucket: "segments", tb: tb, root: tb.TempDir()}
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	for _, dir := range []string{filepath.Join("objects", s.Bucket), "metadata"} {
		if err := os.MkdirAll(filepath.Join(s.root, dir), 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	tb.Cleanup(s.Stop)
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
	s.cmd = exec.Command("versitygw", "--access", Key, "--secret", Secret, "--port", s.Endpoint, "--quiet",
		"posix", "--sidecar", filepath.Join(s.root, "metadata"), filepath.Join(s.root, "objects"))
	// The process must not outlive a test that is killed.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	s.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan<- struct{}) {
		_ = cmd.Wait() // that it was killed is no news
		close(done)
	}(s.cmd, s.done)
	for range 1000 {
		if resp, err := http.Get("http://" + s.Endpoint); err == nil {
			_ = resp.Body.Close()
			return
		}
		select {
		case <-s.done:
			s.tb.Fatal("the S3 server has stopped before it was ready")
		case <-time.After(10 * time.Millisecond): // another process: there is nothing to wait on
		}
	}
	s.tb.Fatal("the S3 server is not ready")
}

// Stop ends the server, as a crash would.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.done
	s.cmd = nil
}
