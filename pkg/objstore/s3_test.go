package objstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/flagext"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/objstore/backend"
	"github.com/skaldlogs/skald/pkg/objstore/s3test"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// openS3 opens the bucket of a server as a configuration would, with names below
// a prefix.
func openS3(t *testing.T, server *s3test.Server, prefix, secret string) objstore.Bucket {
	t.Helper()
	choice, err := backend.Choose(&backend.Config{ObjectStore: backend.ObjectStore{
		StoragePrefix: prefix,
		S3: backend.S3Store{
			Endpoint: server.Endpoint, BucketName: server.Bucket, Insecure: true, Lookup: "path", Region: "us-east-1",
			AccessKeyID: s3test.Key, SecretAccessKey: flagext.SecretWithValue(secret), MaxRetries: 2,
		},
	}}, backend.Schema{})
	if err != nil {
		t.Fatal(err)
	}
	spool, err := objstore.OpenSpool(vfs.OS, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b, closer, err := choice.Open(backend.Options{Spool: spool, Logger: log.NewNopLogger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// TestS3Acceptance holds a real S3 server, through all layers, to the contract.
func TestS3Acceptance(t *testing.T) {
	server := s3test.Start(t)
	n := 0
	accept(t, func(t *testing.T) objstore.Bucket {
		n++
		return openS3(t, server, fmt.Sprintf("run-%d", n), s3test.Secret)
	}, false)
}

// An object that is sent in parts, with its size unknown before its end.
func TestS3LargeObject(t *testing.T) {
	server := s3test.Start(t)
	b := openS3(t, server, "", s3test.Secret)
	data := make([]byte, 40<<20)
	rnd := rand.NewChaCha8([32]byte{1})
	_, _ = rnd.Read(data)
	if err := b.Put(t.Context(), "large", io.MultiReader(bytes.NewReader(data[:1<<20]), bytes.NewReader(data[1<<20:])), -1); err != nil {
		t.Fatal(err)
	}
	wantObject(t, b, "large", data)
	p := make([]byte, 1<<20)
	if err := objstore.ReadRange(t.Context(), b, "large", p, 17<<20); err != nil || !bytes.Equal(p, data[17<<20:18<<20]) {
		t.Errorf("a range of it differs: %v", err)
	}
}

// A wrong secret is told at once, and is in no message.
func TestS3Denied(t *testing.T) {
	server := s3test.Start(t)
	b := openS3(t, server, "", "wrong-sesame")
	err := b.Put(t.Context(), "x", strings.NewReader("x"), 1)
	if err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("a put with a wrong secret: %v", err)
	}
}

// What fails while the server is away succeeds once it is back.
func TestS3Away(t *testing.T) {
	server := s3test.Start(t)
	b := openS3(t, server, "", s3test.Secret)
	put(t, b, "x", "x")
	server.Stop()
	if _, err := b.Get(t.Context(), "x"); err == nil || errors.Is(err, objstore.ErrNotFound) {
		t.Errorf("a read while the server is away: %v", err)
	}
	server.Resume()
	wantObject(t, b, "x", []byte("x"))
}
