package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/common/model"

	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/clients/agent/target"
	"github.com/skaldlogs/skald/clients/agent/target/targettest"
	"github.com/skaldlogs/skald/pkg/parts"
)

// keepUnit makes labels of what is known of an entry.
const keepUnit = `
- {source_labels: [__journal__systemd_unit], target_label: unit}
- {source_labels: [__journal_priority_keyword], target_label: level}
`

const bootID = "0123456789abcdef0123456789abcdef"

// message is an entry of a unit, so many seconds before now.
func message(secondsAgo int64, unit, text string) *record {
	return &record{
		realtime: time.Now().Unix()*1e6 - secondsAgo*1e6,
		fields: []field{
			{"_BOOT_ID", bootID}, {"_SYSTEMD_UNIT", unit}, {"PRIORITY", "6"}, {"MESSAGE", text},
		},
	}
}

// appendTo adds entries to a journal in a folder.
func appendTo(t *testing.T, dir string, records ...*record) {
	t.Helper()
	remote := parts.Need(t, "systemd-journal-remote", "systemd-journal-remote")
	var in []byte
	for i, r := range records {
		text := appendExport(nil, r)
		// The writer gives cursors itself, and wants the monotonic time to rise.
		_, text, _ = bytes.Cut(text, []byte("\n"))
		mono := fmt.Sprintf("__MONOTONIC_TIMESTAMP=%d\n", r.realtime%1e12+int64(i))
		in = append(in, bytes.Replace(text, []byte("__MONOTONIC_TIMESTAMP=1\n"), []byte(mono), 1)...)
	}
	cmd := exec.Command(remote, "--output="+filepath.Join(dir, "test.journal"), "-")
	cmd.Stdin = bytes.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("systemd-journal-remote: %v\n%s", err, out)
	}
}

// lines are the lines of entries.
func lines(entries []targettest.Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Line)
	}
	return strings.Join(all, ",")
}

func TestJournal(t *testing.T) {
	parts.Need(t, "journalctl", "systemd")
	dir := t.TempDir()
	appendTo(t, dir,
		message(8*3600, "old.service", "too old"),
		message(60, "a.service", "first"),
		message(50, "b.service", "second"),
		&record{realtime: time.Now().Unix()*1e6 - 40e6, fields: []field{{"_BOOT_ID", bootID}, {"_SYSTEMD_UNIT", "a.service"}, {"MESSAGE", "two\nlines"}}},
		&record{realtime: time.Now().Unix()*1e6 - 30e6, fields: []field{{"_BOOT_ID", bootID}, {"_SYSTEMD_UNIT", "a.service"}}},
	)
	c := targettest.New()
	target, err := New(Config{Path: dir, Labels: map[string]string{"job": "j"}}, c.Options(t, keepUnit))
	if err != nil {
		t.Fatal(err)
	}
	stop := targettest.Run(t, target)
	got := c.Wait(t, 3)
	want := []string{
		`{job="j", level="info", unit="a.service"} "first"`,
		`{job="j", level="info", unit="b.service"} "second"`,
		`{job="j", unit="a.service"} "two\nlines"`,
	}
	for i, w := range want {
		if got[i].String() != w {
			t.Errorf("entry %d is %s, want %s", i, got[i], w)
		}
	}
	if age := time.Since(got[0].Timestamp); age < 50*time.Second || age > 5*time.Minute {
		t.Errorf("the first entry is %s old, want a minute", age)
	}

	// What is appended comes as well.
	appendTo(t, dir, message(5, "a.service", "later"))
	if got := lines(c.Wait(t, 4)); got != "first,second,two\nlines,later" {
		t.Errorf("lines are %q", got)
	}
	stop()
	ledger := target.opts.Track.Ledger()
	if read, dropped := ledger.Read.Load(), ledger.Dropped()[reasonNoMessage]; read != 5 || dropped != 1 {
		t.Errorf("%d entries read, %d dropped for want of a message; want 5 and 1", read, dropped)
	}
}

func TestJournalResumesBehindWhatIsSettled(t *testing.T) {
	parts.Need(t, "journalctl", "systemd")
	dir := t.TempDir()
	appendTo(t, dir, message(60, "a", "one"), message(59, "a", "two"), message(58, "a", "three"))
	c := targettest.New()
	c.Hold = true
	opts := c.Options(t, keepUnit)
	target, err := New(Config{Path: dir}, opts)
	if err != nil {
		t.Fatal(err)
	}
	stop := targettest.Run(t, target)
	got := c.Wait(t, 3)
	stop()
	if offset, cursor := opts.Track.Resume(); offset != 0 || cursor != "" {
		t.Errorf("nothing is settled, yet the position is %d, %q", offset, cursor)
	}
	// All that was passed on is acknowledged; a new target goes on behind it.
	for _, e := range got {
		e.Mark.Each(func(t *position.Track, r position.Range, n int64) { t.Settle(0, n, r) })
	}
	appendTo(t, dir, message(5, "a", "four"))
	again := targettest.New()
	opts.Chain = again
	if target, err = New(Config{Path: dir}, opts); err != nil {
		t.Fatal(err)
	}
	targettest.Run(t, target)
	if got := lines(again.Wait(t, 1)); got != "four" {
		t.Errorf("lines after the restart are %q, want the fourth alone", got)
	}
}

// TestJournalOfAnEarlierBoot has entries that the agent had not sent when the machine
// was started anew: they come before those of this boot.
func TestJournalOfAnEarlierBoot(t *testing.T) {
	parts.Need(t, "journalctl", "systemd")
	dir := t.TempDir()
	later := message(30, "a", "this boot")
	later.fields[0].value = "1123456789abcdef0123456789abcdef"
	appendTo(t, dir, message(60, "a", "sent"), message(59, "a", "not sent"))
	appendTo(t, dir, later)
	c := targettest.New()
	opts := c.Options(t, keepUnit)
	tg, err := New(Config{Path: dir}, opts)
	if err != nil {
		t.Fatal(err)
	}
	stop := targettest.Run(t, tg)
	if got := lines(c.Wait(t, 3)); got != "sent,not sent,this boot" {
		t.Errorf("lines are %q", got)
	}
	stop()

	first, err := exec.Command("journalctl", "--directory="+dir, "--output=export", "--no-pager").Output()
	if err != nil {
		t.Fatal(err)
	}
	rec, err := newExportReader(bytes.NewReader(first)).next()
	if err != nil {
		t.Fatal(err)
	}
	again := targettest.New()
	opts = again.Options(t, keepUnit)
	opts.Track.Note(0, rec.cursor)
	if tg, err = New(Config{Path: dir}, opts); err != nil {
		t.Fatal(err)
	}
	targettest.Run(t, tg)
	if got := lines(again.Wait(t, 2)); got != "not sent,this boot" {
		t.Errorf("lines behind the first are %q", got)
	}
}

// TestJournalBeginsAnew has a position whose cursor is too old: what is read then
// is none of the entries that had these offsets before.
func TestJournalBeginsAnew(t *testing.T) {
	parts.Need(t, "journalctl", "systemd")
	dir := t.TempDir()
	appendTo(t, dir, message(60, "a", "one"), message(59, "a", "two"))
	c := targettest.New()
	opts := c.Options(t, keepUnit)
	opts.Track.Note(0, fmt.Sprintf("s=1;i=2;t=%x;x=3", time.Now().Add(-48*time.Hour).UnixMicro()))
	target, err := New(Config{Path: dir}, opts)
	if err != nil {
		t.Fatal(err)
	}
	targettest.Run(t, target)
	if got := lines(c.Wait(t, 2)); got != "one,two" {
		t.Errorf("lines are %q", got)
	}
}

// TestWhatCameBeforeTheEndIsPassedOn has a journalctl that dies in the middle of
// an entry.
func TestWhatCameBeforeTheEndIsPassedOn(t *testing.T) {
	c := targettest.New()
	opts := c.Options(t, keepUnit)
	tg := &Target{cfg: Config{}, opts: opts, labeler: target.NewLabeler(map[string]string{"job": "j"}, opts.Relabel)}
	r := &reading{Target: tg, feed: target.NewFeed(t.Context(), opts)}
	one, two := message(3, "a", "one"), message(2, "a", "two")
	one.cursor, two.cursor = "c1", "c2"
	wire := appendExport(appendExport(nil, one), two)
	if err := r.read(t.Context(), bytes.NewReader(wire[:len(wire)-1])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the end is %v", err)
	}
	if got := lines(c.Wait(t, 1)); got != "one" {
		t.Errorf("lines are %q", got)
	}
	if offset, cursor := opts.Track.Resume(); offset != 1 || cursor != "c1" {
		t.Errorf("the position is %d, %q; want 1, c1", offset, cursor)
	}
}

// TestDamagedFileIsPassedOver has a journalctl that warns at each run of a file it
// ignores, as after an unclean shutdown, and ends well: what follows is run all the
// same, and the warning is logged once, however often journalctl is replaced.
func TestDamagedFileIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	later := message(1, "a", "later")
	later.cursor = "c"
	if err := os.WriteFile(filepath.Join(dir, "entry"), appendExport(nil, later), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "journalctl")
	script := `#!/bin/sh
case "$*" in
*--follow*) exec cat "${0%/*}/entry" ;;
*) echo "Journal file x.journal is truncated, ignoring file." >&2 ;;
esac
`
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	var logged bytes.Buffer
	c := targettest.New()
	opts := c.Options(t, keepUnit)
	opts.Logger = log.NewLogfmtLogger(log.NewSyncWriter(&logged))
	tg := &Target{
		opts: opts, journalctl: program, pause: time.Millisecond,
		labeler: target.NewLabeler(map[string]string{"job": "j"}, opts.Relabel),
	}
	if err := tg.cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	stop := targettest.Run(t, tg)
	if got := lines(c.Wait(t, 3)[:3]); got != "later,later,later" {
		t.Errorf("lines are %q", got)
	}
	stop()
	if n := strings.Count(logged.String(), "is truncated"); n != 1 {
		t.Errorf("the warning is logged %d times, want once:\n%s", n, logged.String())
	}
}

func TestJournalJSONAndMatches(t *testing.T) {
	parts.Need(t, "journalctl", "systemd")
	dir := t.TempDir()
	appendTo(t, dir, message(60, "a.service", "not this"), message(59, "b.service", `say "hi"`))
	c := targettest.New()
	target, err := New(Config{
		Path: dir, JSON: true, Matches: "_SYSTEMD_UNIT=b.service PRIORITY=6",
		MaxAge: model.Duration(time.Hour), Labels: map[string]string{"job": "j"},
	}, c.Options(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	targettest.Run(t, target)
	want := `{"MESSAGE":"say \"hi\"","PRIORITY":"6","_BOOT_ID":"` + bootID + `","_SYSTEMD_UNIT":"b.service"}`
	if got := c.Wait(t, 1)[0].Line; got != want {
		t.Errorf("line is %s, want %s", got, want)
	}
}

func TestArgs(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	fresh := fmt.Sprintf("s=1;i=2;t=%x;x=3", now.Add(-time.Minute).UnixMicro())
	stale := fmt.Sprintf("s=1;i=2;t=%x;x=3", now.Add(-8*time.Hour).UnixMicro())
	for _, tc := range []struct{ name, cursor, want string }{
		{"no cursor", "", "--since=@1699974800"},
		{"a cursor", fresh, "--after-cursor=" + fresh},
		{"one that is too old", stale, "--since=@1699974800"},
		{"one that is none", "x", "--since=@1699974800"},
	} {
		cfg := Config{}
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		args := cfg.args(tc.cursor, now, true)
		if got := args[len(args)-1]; got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	for _, matches := range []string{"--flush", "lower=x", "A"} {
		cfg := Config{Matches: matches}
		if err := cfg.Validate(); err == nil {
			t.Errorf("matches %q are taken", matches)
		}
	}
}
