package syslog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/skaldlogs/skald/pkg/seeds"
)

// told writes a message in one line.
func told(m *message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.%s", facilities[m.facility], severities[m.severity])
	if !m.time.IsZero() {
		fmt.Fprintf(&b, " at %s", m.time.UTC().Format(time.RFC3339Nano))
	}
	for _, f := range []struct{ name, value string }{
		{"host", m.hostname}, {"app", m.appName}, {"proc", m.procID}, {"msgid", m.msgID},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, " %s=%s", f.name, f.value)
		}
	}
	for _, p := range m.params {
		fmt.Fprintf(&b, " %s.%s=%q", p.id, p.name, p.value)
	}
	fmt.Fprintf(&b, ": %q", m.text)
	return b.String()
}

func TestParse(t *testing.T) {
	now := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		name, format, text, want string
	}{
		{
			"everything", rfc5424,
			`<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog 111 ID47 [exampleSDID@32473 iut="3" eventSource="Application"][x a="b"] An application event`,
			`local4.notice at 2003-10-11T22:14:15.003Z host=mymachine.example.com app=evntslog proc=111 msgid=ID47 exampleSDID@32473.iut="3" exampleSDID@32473.eventSource="Application" x.a="b": "An application event"`,
		},
		{"nothing but dashes", rfc5424, `<0>1 - - - - - - text`, `kern.emergency: "text"`},
		{"a mark of byte order", rfc5424, "<34>1 - - su - ID47 - \ufeff'su root' failed", `auth.critical app=su msgid=ID47: "'su root' failed"`},
		{"a zone", rfc5424, `<13>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time`, `user.notice at 2003-08-24T12:14:15.000003Z host=192.0.2.1 app=myproc proc=8710: "%% It's time"`},
		{"escapes", rfc5424, `<13>1 - - - - - [a q="\"b\" \\ \] \n"] x`, `user.notice a.q="\"b\" \\ ] \\n": "x"`},
		{"no text", rfc5424, `<13>1 - h a - - -`, `user.notice host=h app=a: ""`},
		{"brackets in the text", rfc5424, `<13>1 - h a - - - [not data]`, `user.notice host=h app=a: "[not data]"`},
		{"no priority", rfc5424, `1 - h a - - - x`, `error: want a priority in angle brackets at byte 0: malformed`},
		{"too high a priority", rfc5424, `<192>1 - - - - - -`, `error: want a priority from 0 to 191 at byte 0: malformed`},
		{"no version", rfc5424, `<34>Oct 11 22:14:15 host su: x`, `error: want a version at byte 4: malformed`},
		{"a bad time", rfc5424, `<34>1 yesterday h a - - - x`, `error: want a time as RFC 3339 writes it at byte 6: malformed`},
		{"data that does not end", rfc5424, `<34>1 - h a - - [x y="z`, `error: the value does not end at byte 22: malformed`},

		{"BSD", rfc3164, `<34>Oct 11 22:14:15 mymachine su: 'su root' failed`, `auth.critical at 2023-10-11T22:14:15Z host=mymachine app=su: "'su root' failed"`},
		{"BSD with a process", rfc3164, `<13>Feb  5 17:32:18 10.0.0.99 cron[12]: run`, `user.notice at 2024-02-05T17:32:18Z host=10.0.0.99 app=cron proc=12: "run"`},
		{"a modern time", rfc3164, `<13>2024-06-10T07:06:40.5+02:00 h app: x`, `user.notice at 2024-06-10T05:06:40.5Z host=h app=app: "x"`},
		{"no tag", rfc3164, `<13>Feb  5 17:32:18 h just words: here`, `user.notice at 2024-02-05T17:32:18Z host=h: "just words: here"`},
		{"no header", rfc3164, `<13>Use the BFG!`, `user.notice: "Use the BFG!"`},
		{"no priority in BSD", rfc3164, `Oct 11 22:14:15 h a: x`, `error: want a priority in angle brackets at byte 0: malformed`},
	} {
		m, err := parseRFC5424(tc.text)
		if tc.format == rfc3164 {
			m, err = parseRFC3164(tc.text, now)
		}
		got := ""
		if err != nil {
			got = "error: " + err.Error()
		} else {
			got = told(m)
		}
		if got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, got, tc.want)
		}
	}
}

// frames reads all messages of a stream.
func frames(in io.Reader, maxMessage int) (all []string, cut int, err error) {
	f := newFramer(in, maxMessage)
	for {
		m, c, err := f.next()
		if err != nil {
			return all, cut, err
		}
		all = append(all, string(m))
		cut += c
	}
}

func TestFramer(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     []string
		cut      int
		err      error
	}{
		{"lines", "<1>a\n<2>b\r\n\n<3>c", []string{"<1>a", "<2>b", "<3>c"}, 0, io.EOF},
		{"counted", "4 <1>a6 <2>\nbc", []string{"<1>a", "<2>\nbc"}, 0, io.EOF},
		{"both", "4 <1>a\n<2>b\n4 <3>c", []string{"<1>a", "<2>b", "<3>c"}, 0, io.EOF},
		{"zeros at the end", "<1>a\x00<2>b\x00", []string{"<1>a", "<2>b"}, 0, io.EOF},
		{"a long line", "<1>" + strings.Repeat("x", 20) + "\n<2>b\n", []string{"<1>xxxxxxx", "<2>b"}, 13, io.EOF},
		{"a long counted one", "13 <1>xxxxxxxxxx4 <2>b", []string{"<1>xxxxxxx", "<2>b"}, 3, io.EOF},
		{"cut short", "9 <1>a", nil, 0, io.ErrUnexpectedEOF},
		{"no length", "9x <1>a", nil, 0, errFraming},
		{"a length without end", strings.Repeat("9", 30), nil, 0, errFraming},
		{"a huge length", "999999999 <1>", nil, 0, io.ErrUnexpectedEOF},
	} {
		got, cut, err := frames(strings.NewReader(tc.in), 10)
		if fmt.Sprint(got) != fmt.Sprint(tc.want) || cut != tc.cut || !errors.Is(err, tc.err) {
			t.Errorf("%s: %q, cut %d, %v; want %q, cut %d, %v", tc.name, got, cut, err, tc.want, tc.cut, tc.err)
		}
	}
}

// TestFramesSurviveAnySplit writes messages in both framings, and reads them
// back however the bytes arrive.
func TestFramesSurviveAnySplit(t *testing.T) {
	for seed := range seeds.Few(t, 200) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		var wire bytes.Buffer
		var want []string
		for range 1 + rnd.IntN(8) {
			m := "<" + strings.Repeat("xyz ", rnd.IntN(30)) + ">"
			want = append(want, m)
			if rnd.IntN(2) == 0 {
				fmt.Fprintf(&wire, "%d %s", len(m), m)
			} else {
				wire.WriteString(m + "\n")
			}
		}
		got, _, err := frames(iotest.OneByteReader(&wire), 1000)
		if fmt.Sprint(got) != fmt.Sprint(want) || !errors.Is(err, io.EOF) {
			t.Fatalf("seed %d: %q, %v; want %q", seed, got, err, want)
		}
	}
}

func FuzzFramer(f *testing.F) {
	f.Add([]byte("<1>a\n4 <2>b"))
	f.Add([]byte("13 <1>xxxxxxxxxx4 <2>b"))
	f.Fuzz(func(t *testing.T, in []byte) {
		all, _, _ := frames(bytes.NewReader(in), 100)
		for _, m := range all {
			if len(m) > 100 {
				t.Fatalf("a message of %d bytes", len(m))
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(`<165>1 2003-10-11T22:14:15.003Z h a 111 ID47 [x@1 iut="3\]"] text`)
	f.Add(`<34>Oct 11 22:14:15 mymachine su[1]: 'su root' failed`)
	now := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := parseRFC5424(text); err == nil && len(m.text) > len(text) {
			t.Fatal("the text is longer than the message")
		}
		if m, err := parseRFC3164(text, now); err == nil && len(m.text) > len(text) {
			t.Fatal("the text is longer than the message")
		}
	})
}
