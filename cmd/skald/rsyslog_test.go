package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/parts"
)

// TestRsyslogElasticsearch ships a file with rsyslog's output for
// Elasticsearch, as it is where nothing is set for retries but that they go on.
// Skald is stopped, killed, and refuses for the tenant's rate in between: each
// line arrives, once.
func TestRsyslogElasticsearch(t *testing.T) {
	rsyslogd := parts.Need(t, "rsyslogd", "rsyslog")
	parts.NeedFile(t, "/usr/lib/*/rsyslog/omelasticsearch.so", "rsyslog-elasticsearch")
	dir := t.TempDir()
	s := newServer(t, filepath.Join(dir, "data"))
	s.start()

	source, conf, errorFile := filepath.Join(dir, "source.log"), filepath.Join(dir, "rsyslog.conf"), filepath.Join(dir, "errors.json")
	file, err := os.Create(source)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	err = os.WriteFile(conf, fmt.Appendf(nil, `
global(workDirectory=%q)
module(load="imfile")
module(load="omelasticsearch")
input(type="imfile" file=%q tag="shop:")
template(name="doc" type="list" option.jsonf="on") {
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="app" name="programname" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}
action(type="omelasticsearch" server="http://%s/elasticsearch" template="doc" searchIndex="logs" searchType="" bulkmode="on"
  errorFile=%q action.resumeRetryCount="-1" action.resumeInterval="1")
`, dir, source, s.http, errorFile), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	daemon := parts.NewProcess(t, rsyslogd, "-n", "-f", conf, "-i", filepath.Join(dir, "rsyslog.pid"))
	daemon.Explain = func() string {
		refused, _ := os.ReadFile(errorFile)
		return fmt.Sprintf("it gave up %s", refused)
	}
	daemon.Start()

	sent := 0
	write := func() {
		var b strings.Builder
		for range 20 {
			fmt.Fprintf(&b, "line %d says \"hä\" \t level=info\n", sent)
			sent++
		}
		if _, err := file.WriteString(b.String()); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now().Add(-time.Hour).UnixNano()
	end := time.Now().Add(time.Hour).UnixNano()
	arrived := func() {
		t.Helper()
		daemon.Reach("lines", sent, func() int { return s.count(`{app="shop"}`, start, end) })
	}

	write()
	arrived()
	s.Stop()
	write()
	s.start()
	arrived()
	s.Kill()
	write()
	s.start()
	arrived()

	s.Stop()
	s.args = []string{"-distributor.ingestion-rate-limit-mb=0.0001", "-distributor.ingestion-burst-size-mb=0.0001"}
	s.start()
	write()
	daemon.Await("refused", func() bool {
		return strings.Contains(s.text("/metrics"), `reason="rate_limited"`)
	})
	s.Stop()
	s.args = nil
	s.start()
	write()
	arrived()

	seen := map[string]int{}
	for _, e := range s.read(`{app="shop"}`, start, end) {
		seen[e.Line]++
	}
	for i := range sent {
		if line := "line " + strconv.Itoa(i) + " says \"hä\" \t level=info"; seen[line] != 1 {
			t.Errorf("%q arrived %d times", line, seen[line])
		}
	}
}
