package config

import (
	"flag"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/prometheus/common/config"

	"github.com/skaldlogs/skald/clients/agent/send"
	"github.com/skaldlogs/skald/pkg/spell"
)

// Flags are those that say what to do rather than how.
type Flags struct {
	File              string
	ExpandEnv         bool
	DryRun            bool
	Inspect           bool
	Stdin             bool
	CheckSyntax       bool
	PrintConfig       bool
	PrintConfigStderr bool
	LogConfigReverse  bool
	Version           bool
	Help              bool
}

// flags makes the command line of a configuration. deprecated is the client that
// -client.… makes.
func flags(c *Config, p *Flags, deprecated *send.Config) *flag.FlagSet {
	f := flag.NewFlagSet("skald-agent", flag.ContinueOnError)
	f.SetOutput(io.Discard) // errors are returned, and the help is our own
	f.Usage = func() {}

	f.StringVar(&p.File, "config.file", "", "The configuration, promtail.yaml.")
	f.BoolVar(&p.ExpandEnv, "config.expand-env", false, "Replace ${VAR} and ${VAR:-default} in the file by environment variables. $$ is a $.")
	f.BoolVar(&p.DryRun, "dry-run", false, "Print entries instead of sending them, and write no positions.")
	f.BoolVar(&p.Inspect, "inspect", false, "Show what each stage changes, on standard error.")
	f.BoolVar(&p.Stdin, "stdin", false, "Read lines from standard input, and none from targets.")
	f.BoolVar(&p.CheckSyntax, "check-syntax", false, "Check the configuration and exit.")
	f.BoolVar(&p.PrintConfig, "print-config", false, "Print the configuration that is in force and exit.")
	f.BoolVar(&p.PrintConfigStderr, "print-config-stderr", false, "Print the configuration that is in force to standard error and go on.")
	f.BoolVar(&p.LogConfigReverse, "log-config-reverse-order", false, "Log the configuration that is in force, last line first.")
	f.BoolVar(&p.Version, "version", false, "Print the version and exit.")
	f.BoolVar(&p.Help, "help", false, "Print the flags and exit.")
	f.BoolVar(&p.Help, "h", false, "The same as -help.")

	f.StringVar(&c.Positions.Filename, "positions.file", c.Positions.Filename, "Where positions are kept.")
	f.DurationVar(&c.Positions.SyncPeriod, "positions.sync-period", c.Positions.SyncPeriod, "How often positions are saved.")
	f.BoolVar(&c.Positions.IgnoreInvalidYAML, "positions.ignore-invalid-yaml", c.Positions.IgnoreInvalidYAML, "Begin anew when the positions file cannot be read.")
	f.StringVar(&c.Positions.WhenUnwritable, "positions.when-unwritable", c.Positions.WhenUnwritable, "What becomes of batches while the journal of positions cannot be written, as on a full disk: wait (until it can be), or send (and a crash sends them again).")
	f.BoolVar(&c.Positions.JournalSync, "positions.journal-sync", c.Positions.JournalSync, "Have a batch reach the disk before it is sent, so that not even a power cut repeats what a file still holds.")
	f.DurationVar(&c.Target.SyncPeriod, "target.sync-period", c.Target.SyncPeriod, "How often patterns of files are matched again.")
	f.StringVar(&c.Target.Unserved, "target.unserved", c.Target.Unserved, "What to do about targets that are not served yet: ignore (and say so) or refuse.")
	f.Int64Var(&c.Target.BufferBytes, "target.buffer-bytes", c.Target.BufferBytes, "How much is kept on disk for each source that cannot wait.")
	f.StringVar(&c.Target.BufferSync, "target.buffer-sync", c.Target.BufferSync, "When that reaches the disk: auto (before a push is answered; each second for syslog), always, interval or never.")
	f.Int64Var(&c.Target.QueueBytes, "target.queue-bytes", c.Target.QueueBytes, "How much is kept on disk for each of several clients that cannot take it yet.")

	f.BoolVar(&c.Limits.ReadlineRateEnabled, "limit.readline-rate-enabled", c.Limits.ReadlineRateEnabled, "Limit how many lines are sent each second.")
	f.Float64Var(&c.Limits.ReadlineRate, "limit.readline-rate", c.Limits.ReadlineRate, "How many lines are sent each second.")
	f.IntVar(&c.Limits.ReadlineBurst, "limit.readline-burst", c.Limits.ReadlineBurst, "How many lines may be sent at once.")
	f.BoolVar(&c.Limits.ReadlineRateDrop, "limit.readline-rate-drop", c.Limits.ReadlineRateDrop, "Drop lines above the rate rather than wait.")
	f.IntVar(&c.Limits.MaxStreams, "max-streams", c.Limits.MaxStreams, "How many streams are sent; 0 is no limit.")
	f.Var(&c.Limits.MaxLineSize, "max-line-size", "How long a line may be; 0 is no limit.")
	f.BoolVar(&c.Limits.MaxLineSizeTruncate, "max-line-size-truncate", c.Limits.MaxLineSizeTruncate, "Cut lines that are too long instead of dropping them.")

	s := &c.Server
	f.BoolVar(&s.Disable, "server.disable", s.Disable, "Serve no pages.")
	f.StringVar(&s.HTTPListenAddress, "server.http-listen-address", s.HTTPListenAddress, "Address of the pages.")
	f.IntVar(&s.HTTPListenPort, "server.http-listen-port", s.HTTPListenPort, "Port of the pages.")
	f.StringVar(&s.HTTPPathPrefix, "server.path-prefix", s.HTTPPathPrefix, "What all paths begin with.")
	f.StringVar(&s.ExternalURL, "server.external-url", s.ExternalURL, "The address that others reach the pages by.")
	f.BoolVar(&s.HealthCheckTarget, "server.health-check-target", s.HealthCheckTarget, "Be ready only when there is a target.")
	f.BoolVar(&s.ProfilingEnabled, "server.profiling_enabled", s.ProfilingEnabled, "Serve /debug/pprof.")
	f.BoolVar(&s.EnableRuntimeReload, "server.enable-runtime-reload", s.EnableRuntimeReload, "Serve /reload.")
	f.DurationVar(&s.ReadTimeout, "server.http-read-timeout", s.ReadTimeout, "How long a request may take to arrive.")
	f.DurationVar(&s.WriteTimeout, "server.http-write-timeout", s.WriteTimeout, "How long an answer may take.")
	f.DurationVar(&s.IdleTimeout, "server.http-idle-timeout", s.IdleTimeout, "How long a connection may be idle.")
	f.DurationVar(&s.ShutdownTimeout, "server.graceful-shutdown-timeout", s.ShutdownTimeout, "How long the last batches may take at the end.")
	f.StringVar(&s.LogLevel, "log.level", s.LogLevel, "The least important messages to log: debug, info, warn or error.")
	f.StringVar(&s.LogFormat, "log.format", s.LogFormat, "logfmt or json.")

	d := deprecated
	f.Var(urlFlag{&d.URL}, "client.url", "Deprecated: the address of one more client.")
	f.DurationVar(&d.BatchWait, "client.batch-wait", d.BatchWait, "Deprecated: batchwait of that client.")
	f.IntVar(&d.BatchSize, "client.batch-size-bytes", d.BatchSize, "Deprecated: batchsize of that client.")
	f.DurationVar(&d.Timeout, "client.timeout", d.Timeout, "Deprecated: timeout of that client.")
	f.DurationVar(&d.Backoff.MinPeriod, "client.min-backoff", d.Backoff.MinPeriod, "Deprecated: min_period of that client.")
	f.DurationVar(&d.Backoff.MaxPeriod, "client.max-backoff", d.Backoff.MaxPeriod, "Deprecated: max_period of that client.")
	f.IntVar(&d.Backoff.MaxRetries, "client.max-retries", d.Backoff.MaxRetries, "Deprecated: max_retries of that client.")
	f.StringVar(&d.TenantID, "client.tenant-id", d.TenantID, "Deprecated: tenant_id of that client.")
	f.Var(labelsFlag{&d.ExternalLabels}, "client.external-labels", "Deprecated: external_labels of that client, as a=b,c=d.")
	f.BoolVar(&d.DropRateLimited, "client.drop-rate-limited-batches", d.DropRateLimited, "Deprecated: drop_rate_limited_batches of that client.")
	return f
}

// parse reads a command line. Flags of the server that have no use here are
// returned as warnings.
func parse(f *flag.FlagSet, args []string) ([]Warning, error) {
	var warnings []Warning
	for _, a := range args {
		name, _, _ := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if strings.HasPrefix(a, "-") && f.Lookup(name) == nil && strings.HasPrefix(name, "server.") {
			warnings = append(warnings, Warning{What: "-" + name, Why: whyUnused})
			f.Var(ignoredFlag{}, name, "Ignored.")
		}
	}
	err := f.Parse(args)
	if name, ok := strings.CutPrefix(fmt.Sprint(err), "flag provided but not defined: -"); ok {
		var names []string
		f.VisitAll(func(fl *flag.Flag) { names = append(names, fl.Name) })
		return nil, fmt.Errorf("unknown flag -%s%s; see -help", name, spell.Perhaps(name, names))
	}
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q: settings are flags, see -help", f.Arg(0))
	}
	return warnings, err
}

type ignoredFlag struct{}

func (ignoredFlag) String() string   { return "" }
func (ignoredFlag) Set(string) error { return nil }
func (ignoredFlag) IsBoolFlag() bool { return true }

type urlFlag struct{ to *config.URL }

func (u urlFlag) String() string {
	if u.to == nil || u.to.URL == nil {
		return ""
	}
	return u.to.String()
}

func (u urlFlag) Set(s string) error {
	v, err := url.Parse(s)
	u.to.URL = v
	return err
}

type labelsFlag struct{ to *send.LabelSet }

func (l labelsFlag) String() string { return "" }

func (l labelsFlag) Set(s string) error {
	out := send.LabelSet{}
	for pair := range strings.SplitSeq(s, ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return fmt.Errorf("%q is not of the form name=value", pair)
		}
		out[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	*l.to = out
	return nil
}

// Help lists the flags.
func Help() string {
	c, p, d := Default(), Flags{}, send.DefaultConfig()
	f := flags(&c, &p, &d)
	var b strings.Builder
	b.WriteString("Usage: skald-agent -config.file=promtail.yaml [flag…]\n\n")
	f.VisitAll(func(fl *flag.Flag) {
		fmt.Fprintf(&b, "  -%s", fl.Name)
		if fl.DefValue != "" && fl.DefValue != "false" && fl.DefValue != "0" {
			fmt.Fprintf(&b, "=%s", fl.DefValue)
		}
		fmt.Fprintf(&b, "\n        %s\n", fl.Usage)
	})
	return b.String()
}
