package skald

import (
	"flag"
	"fmt"
	"strings"
)

// firstFlags are the flags that most people never go beyond, in the groups in
// which they look for them.
var firstFlags = []struct {
	title string
	names []string
}{
	{"Start", []string{"config.file", "config.expand-env", "target", "data.dir", "auth.multitenancy-enabled"}},
	{"Listen", []string{"server.http-listen-address", "server.http-listen-port", "server.grpc-listen-address", "server.grpc-listen-port"}},
	{"Write", []string{"ingester.wal-sync", "ingester.memory-limit", "distributor.ingestion-rate-limit-mb", "ingester.max-global-streams-per-user", "distributor.max-line-size"}},
	{"Read", []string{"querier.query-timeout", "querier.max-concurrent", "validation.max-entries-limit", "store.max-query-length"}},
	{"Join others", []string{"memberlist.join", "common.ring.instance-addr", "common.ring.replication-factor"}},
	{"Log", []string{"log.level", "log.format"}},
	{"Ask", []string{"help-all", "verify-config", "print-config", "list-targets", "version"}},
}

// Help is the text of -help, or that of -help-all.
func Help(all bool) string {
	var c Config
	f := newFlagSet(&c, &programFlags{}, theLedger())
	var b strings.Builder
	b.WriteString("Skald stores logs and answers questions about them, with the API of Loki.\n\n" +
		"  skald                          everything in one process, on 127.0.0.1:3100, data in ./skald-data\n" +
		"  skald -config.file=FILE        with a configuration file, Loki's for instance\n\n" +
		"A flag beats the file. docs/config.md has all settings, docs/config-loki.md what becomes of Loki's.\n")
	if all {
		b.WriteString("\n")
		f.VisitAll(func(fl *flag.Flag) {
			if fl.Name != "h" && !strings.HasPrefix(fl.Usage, "Ignored: ") {
				writeFlag(&b, fl)
			}
		})
		return b.String()
	}
	for _, group := range firstFlags {
		fmt.Fprintf(&b, "\n%s\n", group.title)
		for _, name := range group.names {
			writeFlag(&b, f.Lookup(name))
		}
	}
	return b.String()
}

// writeFlag writes a flag and what it is for.
func writeFlag(b *strings.Builder, fl *flag.Flag) {
	name := "-" + fl.Name
	if !isBool(fl.Value) && fl.DefValue != "" {
		name += "=" + fl.DefValue
	} else if isBool(fl.Value) && fl.DefValue == "true" {
		name += "=true"
	}
	fmt.Fprintf(b, "  %s\n", name)
	for _, line := range wrap(fl.Usage, 90) {
		fmt.Fprintf(b, "        %s\n", line)
	}
}

// wrap breaks a text into lines of about width bytes.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
