package logcli

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
)

// flags are what the command line says, as far as it is not settings of the
// client.
type flags struct {
	quiet, stats, stdin    bool
	output, zone, format   string
	logLevel               string
	cpuProfile, memProfile string
	minBackoff, maxBackoff int
	headers                []string

	query, field, from, to string
	since                  time.Duration
	limit, batch           int
	lineLimit              int
	step, interval         time.Duration
	forward                bool

	parallelDuration time.Duration
	parallelWorkers  int
	partPrefix       string
	overwriteParts   bool
	mergeParts       bool
	keepParts        bool

	noLabels, includeCommon      bool
	excludeLabels, includeLabels []string
	labelsLength                 int
	coloured                     bool
	storeConfig, schemaStore     string
	remoteSchema                 bool
	tail                         bool
	delayFor                     int
	now                          string

	label, matcher string
	analyze        bool
	targetLabels   []string
	byLabels       bool

	maxInterval, requestID string
	force                  bool
}

// register describes the command line, and returns the commands by their names.
func (c *cli) register(app *kingpin.Application) map[string]func(context.Context) error {
	c.globals(app)
	commands := map[string]func(context.Context) error{}
	add := func(name, help string, run func(context.Context) error, more ...func(*kingpin.CmdClause)) {
		clause := app.Command(name, help)
		for _, m := range more {
			m(clause)
		}
		commands[name] = run
	}
	f := &c.flags
	query := func(name string, to *string) func(*kingpin.CmdClause) {
		return func(k *kingpin.CmdClause) {
			k.Arg(name, "for example {app=\"shop\"} |= \"error\"").Required().StringVar(to)
		}
	}
	add("query", queryHelp, c.runQuery, query("query", &f.query), c.span("1h", "logs"), c.queryFlags, c.labelFlags, c.tailFlags)
	add("instant-query", "Evaluate a metric query at one time.", c.runInstant, query("query", &f.query), c.instantFlags, c.labelFlags)
	add("labels", "List the names of labels, or the values of one.", c.runLabels, c.span("1h", "labels"), func(k *kingpin.CmdClause) {
		k.Arg("label", "The name of the label.").StringVar(&f.label)
	})
	add("series", "List the streams that a selector selects; {} selects all.", c.runSeries, query("matcher", &f.matcher), c.span("1h", "streams"), func(k *kingpin.CmdClause) {
		k.Flag("analyze-labels", "Count the values of each label instead, to find those with many.").BoolVar(&f.analyze)
	})
	add("fmt", "Write the query on stdin in its usual form.", c.runFormat)
	add("stats", "Say how much the streams of a selector hold.", c.runStats, query("query", &f.query), c.span("1h", "data"))
	add("volume", "Say how many bytes streams hold, the largest first.", c.runVolume, query("query", &f.query), c.span("1h", "data"), c.volumeFlags)
	add("volume_range", "Say how many bytes streams hold, over time.", c.runVolumeRange, query("query", &f.query), c.span("1h", "data"), c.volumeFlags, func(k *kingpin.CmdClause) {
		k.Flag("step", "Length of the pieces of time that are added up.").Default("1h").DurationVar(&f.step)
	})
	add("detected-fields", "List the fields that entries have, by what is found in them, or the values of one.", c.runFields, query("query", &f.query), c.span("1h", "entries"), func(k *kingpin.CmdClause) {
		k.Arg("field", "The name of the field.").StringVar(&f.field)
		k.Flag("limit", "How many fields or values to list.").Default("100").IntVar(&f.limit)
		k.Flag("line-limit", "How many lines the server looks at for each part of the query.").Default("1000").IntVar(&f.lineLimit)
		k.Flag("step", "Length of the pieces of time that the server works in.").Default("10s").DurationVar(&f.step)
	})
	add("detected-labels", "List the labels that tell streams from each other, and how many values each has.", c.runDetectedLabels, c.span("1h", "streams"), func(k *kingpin.CmdClause) {
		k.Arg("query", "A selector; all streams without one.").StringVar(&f.query)
	})
	add("patterns", "List the patterns of lines, with <_> for what differs, and how many lines have each.", c.runPatterns, query("query", &f.query), c.span("1h", "lines"), func(k *kingpin.CmdClause) {
		k.Flag("step", "Length of the pieces of time that the server counts in.").DurationVar(&f.step)
	})
	c.deleteCommands(app, commands)
	return commands
}

func (c *cli) globals(app *kingpin.Application) {
	f, g := &c.flags, &c.cfg
	app.Flag("quiet", "Write results and errors only.").Short('q').BoolVar(&f.quiet)
	app.Flag("log.level", "What to say of the work: error, nothing more; warning, how long it waits before it tries again; info, how long each answer took; debug, its headers as well.").Default("error").EnumVar(&f.logLevel, "error", "warning", "warn", "info", "debug")
	app.Flag("stats", "Show what the query cost.").BoolVar(&f.stats)
	app.Flag("output", "How entries are written: default, raw (lines alone) or jsonl.").Short('o').Default("default").EnumVar(&f.output, "default", "raw", "jsonl")
	app.Flag("timezone", "Time zone of what is written: Local or UTC.").Short('z').Default("Local").EnumVar(&f.zone, "Local", "UTC")
	app.Flag("output-timestamp-format", "Format of times in the default output: "+strings.Join(timeFormatNames, ", ")+".").Default("rfc3339").EnumVar(&f.format, timeFormatNames...)
	app.Flag("cpuprofile", "Write a CPU profile to this file.").StringVar(&f.cpuProfile)
	app.Flag("memprofile", "Write a memory profile to this file.").StringVar(&f.memProfile)
	app.Flag("stdin", "Query the lines on stdin, not a server.").BoolVar(&f.stdin)

	app.Flag("addr", "URL of the server.").Envar("LOKI_ADDR").Default("http://localhost:3100").StringVar(&g.Address)
	app.Flag("username", "User for basic authentication.").Envar("LOKI_USERNAME").StringVar(&g.Username)
	app.Flag("password", "Password for basic authentication.").Envar("LOKI_PASSWORD").StringVar(&g.Password)
	app.Flag("ca-cert", "File of certificates that the server's is checked by.").Envar("LOKI_CA_CERT_PATH").StringVar(&g.CAFile)
	app.Flag("tls-skip-verify", "Do not check the server's certificate.").Envar("LOKI_TLS_SKIP_VERIFY").BoolVar(&g.InsecureSkipVerify)
	app.Flag("cert", "File of the certificate to show to the server.").Envar("LOKI_CLIENT_CERT_PATH").StringVar(&g.CertFile)
	app.Flag("key", "File of its key.").Envar("LOKI_CLIENT_KEY_PATH").StringVar(&g.KeyFile)
	app.Flag("org-id", "The tenant (X-Scope-OrgID).").Envar("LOKI_ORG_ID").StringVar(&g.Tenant)
	app.Flag("query-tags", "Tags for the server's logs about the query (X-Query-Tags).").Envar("LOKI_QUERY_TAGS").StringVar(&g.QueryTags)
	app.Flag("nocache", "Ask for answers that are computed anew.").Envar("LOKI_NO_CACHE").BoolVar(&g.NoCache)
	app.Flag("bearer-token", "Bearer token.").Envar("LOKI_BEARER_TOKEN").StringVar(&g.BearerToken)
	app.Flag("bearer-token-file", "File of the bearer token.").Envar("LOKI_BEARER_TOKEN_FILE").StringVar(&g.BearerTokenFile)
	app.Flag("retries", "How often to ask again after a failure.").Envar("LOKI_CLIENT_RETRIES").Default("0").IntVar(&g.Retries)
	app.Flag("min-backoff", "Seconds to wait before the first retry.").Envar("LOKI_CLIENT_MIN_BACKOFF").Default("0").IntVar(&f.minBackoff)
	app.Flag("max-backoff", "Seconds to wait between retries at most.").Envar("LOKI_CLIENT_MAX_BACKOFF").Default("0").IntVar(&f.maxBackoff)
	app.Flag("auth-header", "Header that carries the credential.").Envar("LOKI_AUTH_HEADER").Default("Authorization").StringVar(&g.AuthHeader)
	app.Flag("proxy-url", "Proxy for requests.").Envar("LOKI_HTTP_PROXY_URL").StringVar(&g.ProxyURL)
	app.Flag("compress", "Ask for compressed answers.").Envar("LOKI_HTTP_COMPRESSION").BoolVar(&g.Compress)
	app.Flag("envproxy", "Use the proxy that HTTP_PROXY and its siblings name.").Envar("LOKI_ENV_PROXY").BoolVar(&g.ProxyFromEnvironment)
	app.Flag("header", "Another header for requests, as Name: value. May be repeated.").StringsVar(&f.headers)
}

// span adds the flags for a range of time.
func (c *cli) span(since, what string) func(*kingpin.CmdClause) {
	return func(k *kingpin.CmdClause) {
		k.Flag("since", "How far back to look.").Default(since).DurationVar(&c.flags.since)
		k.Flag("from", "Look for "+what+" from this time on, in RFC 3339 with its zone.").StringVar(&c.flags.from)
		k.Flag("to", "Look for "+what+" before this time; the default is now.").StringVar(&c.flags.to)
	}
}

func (c *cli) queryFlags(k *kingpin.CmdClause) {
	f := &c.flags
	k.Flag("limit", "How many entries to print; 0 for all.").Default("30").IntVar(&f.limit)
	k.Flag("batch", "How many entries to ask for at once.").Default("1000").IntVar(&f.batch)
	k.Flag("step", "Time between the points of a metric query.").DurationVar(&f.step)
	k.Flag("interval", "Leave out entries that are closer to the one before than this.").DurationVar(&f.interval)
	k.Flag("forward", "Oldest entries first.").BoolVar(&f.forward)
	k.Flag("parallel-duration", "Length of the jobs that the time is cut into.").Default("1h").DurationVar(&f.parallelDuration)
	k.Flag("parallel-max-workers", "How many jobs run at once. With more than 1, all entries are fetched, in the order in which jobs get them.").Default("1").IntVar(&f.parallelWorkers)
	k.Flag("part-path-prefix", "Write each job's entries to a file that begins so, PREFIX_START_END.part, and all of them.").StringVar(&f.partPrefix)
	k.Flag("overwrite-completed-parts", "Fetch parts again whose file is there.").BoolVar(&f.overwriteParts)
	k.Flag("merge-parts", "Print the parts in order as they become complete, and remove them.").BoolVar(&f.mergeParts)
	k.Flag("keep-parts", "Do not remove parts that were printed.").BoolVar(&f.keepParts)
}

func (c *cli) labelFlags(k *kingpin.CmdClause) {
	f := &c.flags
	k.Flag("no-labels", "Print no labels.").BoolVar(&f.noLabels)
	k.Flag("exclude-label", "Do not print this label. May be repeated.").StringsVar(&f.excludeLabels)
	k.Flag("include-label", "Print this label only. May be repeated.").StringsVar(&f.includeLabels)
	k.Flag("include-common-labels", "Print labels that all entries share with each of them.").BoolVar(&f.includeCommon)
	k.Flag("labels-length", "How wide the column of labels is at least.").Default("0").IntVar(&f.labelsLength)
	k.Flag("colored-output", "Give each set of labels a colour.").BoolVar(&f.coloured)
	k.Flag("store-config", "Not supported: object storage is read by servers only.").StringVar(&f.storeConfig)
	k.Flag("remote-schema", "Not supported: object storage is read by servers only.").BoolVar(&f.remoteSchema)
	k.Flag("schema-store", "Not supported: object storage is read by servers only.").StringVar(&f.schemaStore)
}

func (c *cli) tailFlags(k *kingpin.CmdClause) {
	f := &c.flags
	k.Flag("tail", "Go on printing entries as they come.").Short('t').BoolVar(&f.tail)
	k.Flag("follow", "The same as --tail.").Short('f').BoolVar(&f.tail)
	k.Flag("delay-for", "Seconds that a tail waits for entries that come late, to put them in order.").Default("0").IntVar(&f.delayFor)
}

func (c *cli) instantFlags(k *kingpin.CmdClause) {
	f := &c.flags
	k.Flag("limit", "How many entries to print.").Default("30").IntVar(&f.limit)
	k.Flag("now", "The time of the evaluation, in RFC 3339 with its zone.").StringVar(&f.now)
	k.Flag("forward", "Oldest entries first.").BoolVar(&f.forward)
}

func (c *cli) volumeFlags(k *kingpin.CmdClause) {
	f := &c.flags
	k.Flag("limit", "How many sums to list.").Default("30").IntVar(&f.limit)
	k.Flag("targetLabels", "Add up by this label. May be repeated.").StringsVar(&f.targetLabels)
	k.Flag("aggregateByLabels", "Add up by each label's name alone.").BoolVar(&f.byLabels)
}

// noStore refuses flags for reading object storage directly.
func (f *flags) noStore() error {
	if f.storeConfig != "" || f.remoteSchema || f.schemaStore != "" {
		return usageError("--store-config, --remote-schema and --schema-store are not supported: leave them out, and name a server with --addr")
	}
	return nil
}

// noStdin refuses --stdin for a command that needs a server.
func (f *flags) noStdin(command string) error {
	if f.stdin {
		return usageError("--stdin goes with query and instant-query, not with " + command)
	}
	return nil
}

// interval returns the bounds in time, in nanoseconds.
func (c *cli) interval() (start, end int64, err error) {
	f := &c.flags
	to := c.now
	if f.to != "" {
		if to, err = parseTime(f.to); err != nil {
			return 0, 0, err
		}
	}
	from := to.Add(-f.since)
	if f.from != "" {
		if from, err = parseTime(f.from); err != nil {
			return 0, 0, err
		}
	} else if f.to == "" {
		from = c.now.Add(-f.since)
	}
	return from.UnixNano(), to.UnixNano(), nil
}

func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, usageError(fmt.Sprintf("Unable to parse time %v; times are as in 2026-01-31T10:00:00Z or 2026-01-31T10:00:00.5+02:00", err))
	}
	return t, nil
}

func parseHeaders(list []string) (http.Header, error) {
	h := http.Header{}
	for _, text := range list {
		name, value, ok := strings.Cut(text, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, usageError(fmt.Sprintf("--header: %q is not of the form Name: value", text))
		}
		h.Add(name, strings.TrimSpace(value))
	}
	return h, nil
}

const queryHelp = `Print the entries that a log query selects, or the points of a metric query.

Without more, the newest 30 entries of the last hour are printed. --since, --from
and --to choose another time, --limit=0 prints all entries, in answers of --batch.
--tail goes on with what comes.

  logcli query -z UTC --from=2026-01-31T10:00:00Z --to=2026-01-31T20:00:00Z -o jsonl '{app="shop"} |= "error"'

Much is fetched faster by several workers, each a part of the time:

  logcli query --since=240h --parallel-duration=1h --parallel-max-workers=4 --part-path-prefix=/tmp/shop --merge-parts '{app="shop"}'

Each part is a file, PREFIX_START_END.part, whose name ends in .part.tmp until it
is complete. A part that is there is not fetched again, so a download that was
stopped goes on where it was.`
