package loghttp

import (
	"bytes"
	"errors"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

// body is a push with one line of n bytes, as protobuf under snappy.
func body(n int) []byte {
	line := bytes.Repeat([]byte("0123456789abcdef"), n/16)
	for i := range line {
		line[i] ^= byte(i * i >> 7 & 7) // not too easy to compress
	}
	b := model.Batch{Streams: []model.Stream{{Labels: `{a="b"}`, Entries: []model.Entry{{Timestamp: 1, Line: string(line)}}}}}
	return s2.EncodeSnappy(nil, logproto.AppendPush(nil, &b))
}

func TestBudget(t *testing.T) {
	const mb = 1 << 20
	budget := NewBudget(7 * mb)
	lim := PushLimits{Received: 100 * mb, Decompressed: 100 * mb, Budget: budget}
	read := func(body []byte, encoding string) (*Push, error) {
		return ReadPush(PushBody{Reader: bytes.NewReader(body), ContentType: "application/x-protobuf", ContentEncoding: encoding}, lim)
	}
	first, err := read(body(4*mb), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read(body(4*mb), ""); !errors.Is(err, ErrBusy) {
		t.Errorf("a push that there is no room for: %v", err)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(make([]byte, 30*mb))
	_ = z.Close()
	if _, err := read(zipped.Bytes(), "gzip"); !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrBusy) {
		t.Errorf("a push larger than the budget: %v", err)
	}
	first.Release()
	if _, err := read(zipped.Bytes(), "gzip"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a push larger than the budget, alone: %v", err)
	}
	again, err := read(body(4*mb), "")
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	again.Release()
	if n := budget.used.Load(); n != 0 {
		t.Errorf("%d bytes are held when all is released", n)
	}
}
