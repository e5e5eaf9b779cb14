package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-kit/log"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/objstore/backend"
	"github.com/skaldlogs/skald/pkg/objstore/s3test"
	"github.com/skaldlogs/skald/pkg/skald"
)

// A remote bucket looks as its copy in a folder does, and a configuration that
// keeps its bucket in a folder names that.
func TestConfiguredBucket(t *testing.T) {
	server := s3test.Start(t)
	dir := t.TempDir()
	if err := makeBucket(dir); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		name = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	remote := write("remote.yaml", fmt.Sprintf(`
common:
  storage:
    s3: {endpoint: "%s", bucketnames: %s, region: us-east-1, insecure: true, s3forcepathstyle: true, access_key_id: %s, secret_access_key: %s}
`, server.Endpoint, server.Bucket, s3test.Key, s3test.Secret))
	local := write("local.yaml", "common: {path_prefix: "+dir+"}")
	copyTo(t, readOnly{filepath.Join(dir, "bucket")}, remote)

	ask := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := run(append([]string{"bucket"}, args...), &out, &out)
		return code, out.String()
	}
	for _, command := range []string{"list", "verify"} {
		code, want := ask(command, dir)
		for _, config := range []string{remote, local} {
			if gotCode, got := ask(command, "-config.file", config); gotCode != code || got != want {
				t.Errorf("%s of the bucket of %s: exit code %d, want %d:\n%s\nwant\n%s", command, config, gotCode, code, got, want)
			}
		}
	}
	testRemoteChanges(t, server, remote, dir, ask)
	if code, got := ask("list", "-config.file", remote, dir); code != exitUsage || !strings.Contains(got, "-config.file stands for DIR") {
		t.Errorf("with a folder and a configuration: exit code %d:\n%s", code, got)
	}
}

// testRemoteChanges copies a remote bucket to a folder and back, and repairs it.
func testRemoteChanges(t *testing.T, server *s3test.Server, remote, dir string, ask func(...string) (int, string)) {
	t.Helper()
	saved := filepath.Join(t.TempDir(), "saved")
	code, got := ask("snapshot", "-config.file", remote, saved)
	if code != exitOK || !strings.Contains(got, "segments") {
		t.Fatalf("snapshot: exit code %d:\n%s", code, got)
	}
	other := strings.ReplaceAll(remote, ".yaml", "-other.yaml")
	text, err := os.ReadFile(remote)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, bytes.Replace(text, []byte("bucketnames: "+server.Bucket), []byte("bucketnames: "+server.Another("restored")), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, restored := ask("restore", "-config.file", other, saved); code != exitOK || restored != got {
		t.Errorf("restore: exit code %d:\n%s\nwant\n%s", code, restored, got)
	}
	if code, got := ask("verify", "-config.file", other); code != exitOK {
		t.Errorf("verify what was restored: exit code %d:\n%s", code, got)
	}
	if code, got := ask("repair", "-config.file", other); code != exitOK || !strings.Contains(got, "nothing to repair") {
		t.Errorf("repair what is sound: exit code %d:\n%s", code, got)
	}
	server.Remove("restored", "segments")
	if code, got := ask("repair", "-config.file", other); code != exitFailed || !strings.Contains(got, "the segment is gone") {
		t.Errorf("repair, without -write: exit code %d:\n%s", code, got)
	}
	if code, got := ask("repair", "-config.file", other, "-write"); code != exitOK {
		t.Errorf("repair: exit code %d:\n%s", code, got)
	}
	if code, got := ask("repair", "-config.file", other); code != exitOK || !strings.Contains(got, "nothing to repair") {
		t.Errorf("repair again: exit code %d:\n%s", code, got)
	}
}

// copyTo copies all objects into the bucket of a configuration.
func copyTo(t *testing.T, from objstore.Bucket, config string) {
	t.Helper()
	loaded, err := skald.Load([]string{"-config.file=" + config}, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	choice, err := backend.Choose(&loaded.Config.Storage.Config, loaded.Config.Schema)
	if err != nil {
		t.Fatal(err)
	}
	to, closer, err := choice.Open(backend.Options{Logger: log.NewNopLogger()})
	if err != nil {
		t.Fatal(err)
	}
	err = from.List(t.Context(), "", func(i objstore.Info) error {
		r, err := from.Get(t.Context(), i.Name)
		if err != nil {
			return err
		}
		defer r.Close()
		return to.Put(t.Context(), i.Name, r, i.Size)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}
