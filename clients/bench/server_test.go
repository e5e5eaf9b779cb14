package bench

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseServer(t *testing.T) {
	for _, tc := range []struct {
		text string
		want Server
		err  string
	}{
		{text: "http://127.0.0.1:3100", want: Server{Name: "127.0.0.1:3100", URL: "http://127.0.0.1:3100", Kind: "loki", Flush: []string{"/flush"}}},
		{text: "skald=http://host:3100/", want: Server{Name: "skald", URL: "http://host:3100", Kind: "loki", Flush: []string{"/flush"}}},
		{
			text: "vl=https://host,kind=victorialogs,pid=12,disk=/data/x=y,tenant=a",
			want: Server{Name: "vl", URL: "https://host", Kind: "victorialogs", PID: 12, Disk: "/data/x=y", Tenant: "a", Flush: []string{"/internal/force_flush"}},
		},
		{text: "http://host,flush=/flush,flush=/compact", want: Server{Name: "host", URL: "http://host", Kind: "loki", Flush: []string{"/flush", "/compact"}}},
		{text: "", err: `"" is no address`},
		{text: "host:3100", err: `"host:3100" is no address: want http://host:port`},
		{text: "http://host?query=x", err: "is no address"},
		{text: "http://host,", err: `setting "": want key=value`},
		{text: "http://host,pid=", err: `setting "pid=": want key=value`},
		{text: "http://host,pid=-3", err: `pid "-3": want a number above 0`},
		{text: "http://host,kind=elastic", err: `kind "elastic": want loki or victorialogs`},
		{text: "http://host,flush=now", err: `flush "now": want a path that begins with /`},
		{text: "http://host,color=red", err: `no setting is called "color"`},
	} {
		got, err := ParseServer(tc.text)
		got.dialect = nil
		switch {
		case tc.err != "":
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%q: error %v, want %s", tc.text, err, tc.err)
			}
		case err != nil:
			t.Errorf("%q: %v", tc.text, err)
		case !reflect.DeepEqual(got, tc.want):
			t.Errorf("%q: %+v, want %+v", tc.text, got, tc.want)
		}
	}
}

func FuzzParseServer(f *testing.F) {
	f.Add("vl=https://host,kind=victorialogs,pid=12,disk=/data,tenant=a,flush=/x")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := ParseServer(text); err == nil && (s.dialect == nil || s.Name == "" || s.URL == "") {
			t.Errorf("%q: %+v", text, s)
		}
	})
}
