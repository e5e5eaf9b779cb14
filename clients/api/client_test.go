package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
)

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, `address of the server: "" is no URL such as http://localhost:3100`},
		{Config{Address: "loki:3100"}, "is no URL such as"},
		{Config{Address: "http://x", Username: "u", BearerTokenFile: "f"}, "at most one of user and password, bearer token and bearer token file may be set"},
		{Config{Address: "https://x", CAFile: "none"}, "certificate authority: open none"},
		{Config{Address: "https://x", CertFile: "c"}, "client certificate: the certificate and its key go together"},
		{Config{Address: "http://x", ProxyURL: "x"}, `proxy: "x" is no URL`},
	} {
		if _, err := New(tc.cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: got %v, want %s", tc.cfg, err, tc.want)
		}
	}
}

// failing refuses every request, and counts them.
type failing struct{ asked int }

func (f *failing) RoundTrip(*http.Request) (*http.Response, error) {
	f.asked++
	return nil, errors.New("refused")
}

func TestRetriesWaitLongerEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left []int
		c, err := New(Config{
			Address: "http://x", Retries: 4, MinBackoff: time.Second, MaxBackoff: 3 * time.Second,
			Failed: func(_ error, remaining int) { left = append(left, remaining) },
		})
		if err != nil {
			t.Fatal(err)
		}
		f := &failing{}
		c.http.Transport = f
		begun := time.Now()
		_, err = c.Labels(t.Context(), "", 0, 1)
		if !errors.Is(err, ErrAttempts) || !strings.Contains(err.Error(), "refused") {
			t.Errorf("got %v", err)
		}
		if f.asked != 5 || len(left) != 5 || left[0] != 4 || left[4] != 0 {
			t.Errorf("asked %d times, remaining %v", f.asked, left)
		}
		if took := time.Since(begun); took != (1+2+3+3)*time.Second {
			t.Errorf("waited %s, want 9s", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		f.asked = 0
		if _, err := c.Labels(ctx, "", 0, 1); !errors.Is(err, context.Canceled) && f.asked > 1 {
			t.Errorf("canceled: got %v after %d requests", err, f.asked)
		}
	})
}

func TestTail(t *testing.T) {
	pinged := make(chan struct{}, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Scope-OrgID") != "acme" {
			http.Error(w, "no org id", http.StatusUnauthorized)
			return
		}
		var up websocket.Upgrader
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Minute))
		_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"streams":[{"stream":{"q":"`+r.URL.Query().Get("delay_for")+`"},"values":[["7","x"]]}]}`))
		_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"streams":7}`))
		_, _, _ = conn.ReadMessage()
	}))
	defer s.Close()
	c, err := New(Config{Address: s.URL, Tenant: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	tail, err := c.Tail(t.Context(), TailQuery{Query: `{a="b"}`, Limit: 1, DelayFor: 2 * time.Second, Ping: func() { pinged <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	f, err := tail.Next()
	if err != nil || len(f.Streams) != 1 || f.Streams[0].Labels.Get("q") != "2" || f.Streams[0].Entries[0].Line != "x" {
		t.Errorf("got %+v, %v", f, err)
	}
	<-pinged
	if _, err := tail.Next(); err == nil || !strings.Contains(err.Error(), "read what the tail brought") {
		t.Errorf("a frame that is none: got %v", err)
	}

	stranger, err := New(Config{Address: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	var status *StatusError
	if _, err := stranger.Tail(t.Context(), TailQuery{}); !errors.As(err, &status) || status.Code != http.StatusUnauthorized || status.Body != "no org id\n" {
		t.Errorf("got %v, want 401", err)
	}
}
