package rules

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/alecthomas/kingpin/v2"
)

// Exit codes.
const (
	ok     = 0
	failed = 1
)

// A tool is one run of the command.
type tool struct {
	out, err io.Writer
	client   client
	source   source
	chooser  chooser

	namespace, group string
	verbose, dryRun  bool
	strict, inPlace  bool
	noColor          bool
	format, label    string
	tests            []string
	from, to         string
	since, interval  time.Duration
}

// Run does what `skaldtool rules` is told by args and returns the exit code: 0,
// or 1 where something is wrong, failed, or differs.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	t := &tool{out: stdout, err: stderr}
	app := kingpin.New("skaldtool rules", "Check, test and deploy rules whose expressions are LogQL.")
	app.UsageWriter(stdout).ErrorWriter(stderr)
	ended := false
	app.Terminate(func(int) {
		ended = true
		app.UsageWriter(io.Discard) // Parse goes on, and would print usages
	})
	app.Flag("user", "User for basic authentication; the tenant if it is not set and --key is.").Envar("LOKI_API_USER").StringVar(&t.client.user)
	app.Flag("key", "Password for basic authentication.").Envar("LOKI_API_KEY").StringVar(&t.client.key)
	app.Flag("authToken", "Bearer token.").Envar("LOKI_AUTH_TOKEN").StringVar(&t.client.token)
	commands := map[string]func(context.Context) (int, error){}
	add := func(name, help string, run func(context.Context) (int, error), flags ...func(*kingpin.CmdClause)) {
		c := app.Command(name, help)
		for _, f := range flags {
			f(c)
		}
		commands[name] = run
	}
	add("list", "List the groups of the server.", t.list, t.server, func(c *kingpin.CmdClause) {
		c.Flag("format", "table, json or yaml.").Default("table").EnumVar(&t.format, "table", "json", "yaml")
		t.plain(c)
	})
	add("print", "Print all rules of the server as YAML.", t.print, t.server, t.plain)
	add("get", "Print one group as YAML.", t.get, t.server, t.one, t.plain)
	add("delete", "Delete one group.", t.delete, t.server, t.one)
	add("load", "Create or update groups.", t.load, t.server, t.files)
	add("diff", "Show what sync would do.", t.diff, t.server, t.files, t.choice, t.plain, func(c *kingpin.CmdClause) {
		c.Flag("verbose", "Show the rules that differ.").BoolVar(&t.verbose)
	})
	add("sync", "Make the server's groups those of the files: create, update and delete.", t.sync, t.server, t.files, t.choice)
	add("lint", "Rewrite files with expressions in their usual form.", t.lint, t.files, func(c *kingpin.CmdClause) {
		c.Flag("dry-run", "Only say what would be rewritten.").Short('n').BoolVar(&t.dryRun)
	})
	add("format", "The same as lint.", t.lint, t.files, func(c *kingpin.CmdClause) {
		c.Flag("dry-run", "Only say what would be rewritten.").Short('n').BoolVar(&t.dryRun)
	})
	add("prepare", "Add a label to the aggregations of all expressions.", t.prepare, t.files, func(c *kingpin.CmdClause) {
		c.Flag("label", "The label.").Short('l').Default("cluster").StringVar(&t.label)
		c.Flag("in-place", "Rewrite the files; else each goes to <file>.result.").Short('i').BoolVar(&t.inPlace)
	})
	add("check", "Check that rules are valid, and named as is good practice.", t.check, t.files, func(c *kingpin.CmdClause) {
		c.Flag("strict", "Names of recording rules need two colons.").BoolVar(&t.strict)
	})
	add("test", "Run unit tests of rules.", t.test, func(c *kingpin.CmdClause) {
		c.Arg("test-files", "Files of unit tests.").Required().ExistingFilesVar(&t.tests)
	})
	add("backtest", "Show when rules would have fired over what the server has stored.", t.backtest, t.server, t.files, func(c *kingpin.CmdClause) {
		c.Flag("since", "How far back to look.").Default("24h").DurationVar(&t.since)
		c.Flag("from", "Where to begin, in RFC 3339.").StringVar(&t.from)
		c.Flag("to", "Where to end, in RFC 3339. The default is now.").StringVar(&t.to)
		c.Flag("interval", "Interval of groups that have none.").Default("1m").DurationVar(&t.interval)
	})
	command, err := app.Parse(args)
	if ended {
		return ok
	}
	if err != nil {
		fmt.Fprintf(stderr, "skaldtool rules: error: %v, try --help\n", err)
		return failed
	}
	code, err := commands[command](ctx)
	if err != nil {
		fmt.Fprintf(stderr, "skaldtool rules %s: %v\n", command, err)
		return failed
	}
	return code
}

func (t *tool) server(c *kingpin.CmdClause) {
	c.Flag("address", "URL of the server.").Envar("LOKI_ADDRESS").Required().StringVar(&t.client.address)
	c.Flag("id", "Tenant.").Envar("LOKI_TENANT_ID").Required().StringVar(&t.client.tenant)
	c.Flag("use-legacy-routes", "Use /api/prom/rules.").Envar("LOKI_USE_LEGACY_ROUTES").BoolVar(&t.client.legacy)
	c.Flag("tls-ca-path", "Certificates that the server's is checked by.").Envar("LOKI_TLS_CA_PATH").StringVar(&t.client.caPath)
	c.Flag("tls-cert-path", "Certificate to show to the server.").Envar("LOKI_TLS_CERT_PATH").StringVar(&t.client.crtPath)
	c.Flag("tls-key-path", "Its key.").Envar("LOKI_TLS_KEY_PATH").StringVar(&t.client.keyPath)
}

func (t *tool) one(c *kingpin.CmdClause) {
	c.Arg("namespace", "The namespace.").Required().StringVar(&t.namespace)
	c.Arg("group", "The group.").Required().StringVar(&t.group)
}

func (t *tool) files(c *kingpin.CmdClause) {
	c.Arg("rule-files", "Rule files.").ExistingFilesVar(&t.source.args)
	c.Flag("rule-files", "Rule files, with commas between them.").StringVar(&t.source.files)
	c.Flag("rule-dirs", "Folders of rule files (*.yml, *.yaml), with commas between them.").StringVar(&t.source.dirs)
}

func (t *tool) choice(c *kingpin.CmdClause) {
	c.Flag("namespaces", "Only these namespaces, with commas between them.").StringVar(&t.chooser.names)
	c.Flag("ignored-namespaces", "All namespaces but these.").StringVar(&t.chooser.ignored)
	c.Flag("namespaces-regex", "Only namespaces that match.").StringVar(&t.chooser.namesRegex)
	c.Flag("ignored-namespaces-regex", "All namespaces but those that match.").StringVar(&t.chooser.ignoredRegex)
}

// plain takes a flag that asks for no colours: there are none anyway.
func (t *tool) plain(c *kingpin.CmdClause) {
	c.Flag("disable-color", "Use no colours, as is always so.").BoolVar(&t.noColor)
}

func (t *tool) test(ctx context.Context) (int, error) {
	wrong, err := runTests(ctx, t.out, t.tests)
	if wrong {
		return failed, err
	}
	return ok, err
}

func (t *tool) backtest(ctx context.Context) (int, error) {
	if err := t.client.connect(); err != nil {
		return failed, err
	}
	files, err := t.source.load()
	if err != nil {
		return failed, err
	}
	b := &backtest{client: &t.client, to: time.Now(), interval: t.interval}
	if t.interval <= 0 {
		return failed, errors.New("--interval must be more than 0")
	}
	if t.to != "" {
		if b.to, err = time.Parse(time.RFC3339, t.to); err != nil {
			return failed, fmt.Errorf("--to: %w", err)
		}
	}
	b.from = b.to.Add(-t.since)
	if t.from != "" {
		if b.from, err = time.Parse(time.RFC3339, t.from); err != nil {
			return failed, fmt.Errorf("--from: %w", err)
		}
	}
	if !b.from.Before(b.to) {
		return failed, errors.New("--from must be before --to")
	}
	if f, isFile := t.err.(*os.File); isFile {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			b.progress = f
		}
	}
	found, err := b.run(ctx, namespaces(files))
	if err != nil {
		return failed, err
	}
	report(t.out, found, b.from, b.to)
	return ok, nil
}
