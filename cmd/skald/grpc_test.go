package main_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/skaldlogs/skald/pkg/logproto"
)

// Clients of Loki's Pusher send entries over gRPC, in the name of a tenant, and
// learn what was refused.
func TestPushOverGRPC(t *testing.T) {
	s := newServer(t, t.TempDir(), "-auth.enabled=true", "-distributor.max-line-size=100")
	s.start()
	conn, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	now := time.Now()
	push := func(tenant, labels, line string) error {
		ctx := context.Background()
		if tenant != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "x-scope-orgid", tenant)
		}
		return conn.Invoke(ctx, "/logproto.Pusher/Push", &logproto.PushRequest{Streams: []*logproto.Stream{{
			Labels: labels, Entries: []*logproto.Entry{{
				Timestamp: timestamppb.New(now), Line: line,
				StructuredMetadata: []*logproto.LabelPair{{Name: "trace", Value: "abc"}},
			}},
		}}}, &emptypb.Empty{})
	}
	if err := push("team-a", `{app="shop"}`, "paid"); err != nil {
		t.Fatal(err)
	}
	text := s.must("team-a", "GET", "/loki/api/v1/query_range", "query", `{app="shop"} | trace="abc"`)
	if !strings.Contains(text, `"paid"`) {
		t.Errorf("the line is not there: %s", text)
	}
	for _, tc := range []struct {
		name, tenant, labels, line string
		code                       codes.Code
		text                       string
	}{
		{"no tenant", "", `{app="shop"}`, "line", codes.Unauthenticated, "no org id"},
		{"hostile tenant", "../a", `{app="shop"}`, "line", codes.InvalidArgument, "tenant ID"},
		{"bad labels", "team-a", `{app=`, "line", codes.InvalidArgument, "labels"},
		{"long line", "team-a", `{app="shop"}`, strings.Repeat("x", 101), codes.InvalidArgument, "max entry size"},
	} {
		err := push(tc.tenant, tc.labels, tc.line)
		if got := status.Convert(err); got.Code() != tc.code || !strings.Contains(got.Message(), tc.text) {
			t.Errorf("%s: %v, want %s and %q", tc.name, err, tc.code, tc.text)
		}
	}
}
