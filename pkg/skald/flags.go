package skald

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/spell"
)

// programFlags are the flags that have no key in a file: they say what to do,
// not how.
type programFlags struct {
	configFile        string
	expandEnv         bool
	verifyConfig      bool
	printConfig       bool
	printConfigStderr bool
	listTargets       bool
	version           bool
	help, helpAll     bool
}

func (p *programFlags) register(f *flag.FlagSet) {
	f.StringVar(&p.configFile, "config.file", "", "Configuration file, or several with commas between them, of which the first that exists is read. Without one, Skald listens on 127.0.0.1 only and has one tenant.")
	f.BoolVar(&p.expandEnv, "config.expand-env", false, "Replace ${VAR}, ${VAR:-default} and the like in the file by environment variables. $$ is a $.")
	f.BoolVar(&p.verifyConfig, "verify-config", false, "Check the configuration and exit.")
	f.BoolVar(&p.printConfig, "print-config", false, "Print the configuration that is in force and exit.")
	f.BoolVar(&p.printConfigStderr, "print-config-stderr", false, "Print the configuration that is in force to standard error and go on.")
	f.BoolVar(&p.listTargets, "list-targets", false, "Print the roles for -target and exit.")
	f.BoolVar(&p.version, "version", false, "Print the version and exit.")
	f.BoolVar(&p.help, "help", false, "Print the flags that people use most, and exit.")
	f.BoolVar(&p.help, "h", false, "The same as -help.")
	f.BoolVar(&p.helpAll, "help-all", false, "Print all flags and exit.")
}

// A flagSet is every flag that Skald takes: those of its settings, those that
// Loki has for the same settings, and those that are let through.
type flagSet struct {
	*flag.FlagSet
	settings *flag.FlagSet // the flags of Config, under their own names
	fields   []field
	warnings []Warning
}

// newFlagSet makes the flags that set c and p, and gives both their defaults.
func newFlagSet(c *Config, p *programFlags, l *ledger) *flagSet {
	f := &flagSet{
		FlagSet:  flag.NewFlagSet("skald", flag.ContinueOnError),
		settings: flag.NewFlagSet("settings", flag.ContinueOnError),
	}
	f.SetOutput(io.Discard) // errors are returned, and the help is our own
	f.Usage = func() {}
	c.RegisterFlags(f.settings)
	p.register(f.FlagSet)
	f.fields = fields(c, f.settings)

	keyOf := map[*flag.Flag]string{}
	flagOf := map[string]*flag.Flag{}
	for _, fd := range f.fields {
		if fd.flag != nil {
			keyOf[fd.flag], flagOf[fd.key] = fd.key, fd.flag
		}
	}
	f.settings.VisitAll(func(fl *flag.Flag) {
		v := readable(fl.Value)
		if e := l.byKey[keyOf[fl]]; e != nil && e.Verdict == Ignored {
			v = &watched{Value: v, onSet: func() { f.warn(fl.Name, e.Why) }}
		}
		f.Var(v, fl.Name, fl.Usage)
	})
	for _, e := range l.entries {
		for _, name := range e.Flags {
			switch {
			case strings.HasSuffix(name, "*") || f.Lookup(name) != nil:
			case e.Verdict == Mapped:
				if to := flagOf[e.To]; to != nil {
					f.Var(readable(to.Value), name, "The same as -"+to.Name+".")
				}
			default:
				f.letThrough(name, e.Why)
			}
		}
	}
	return f
}

func (f *flagSet) warn(name, why string) {
	f.warnings = append(f.warnings, Warning{What: "-" + name, Why: why})
}

// letThrough accepts a flag that has no effect.
func (f *flagSet) letThrough(name, why string) {
	f.Var(&watched{Value: anything{}, onSet: func() { f.warn(name, why) }}, name, "Ignored: "+why+".")
}

// parse reads the command line. Flags of ignored families are not known before.
func (f *flagSet) parse(args []string, l *ledger) error {
	for _, a := range args {
		name, _, _ := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if !strings.HasPrefix(a, "-") || f.Lookup(name) != nil {
			continue
		}
		if e := l.flagFamily(name); e != nil {
			f.letThrough(name, e.Why)
		}
	}
	err := f.Parse(withValues(f.FlagSet, args))
	if name, ok := strings.CutPrefix(fmt.Sprint(err), "flag provided but not defined: -"); ok {
		var names []string
		f.VisitAll(func(fl *flag.Flag) { names = append(names, fl.Name) })
		if near := spell.Nearest(name, names); near != "" {
			return fmt.Errorf("unknown flag -%s, perhaps -%s", name, near)
		}
		return fmt.Errorf("unknown flag -%s; see -help-all", name)
	}
	if err == nil && f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: settings are flags, see -help", f.Arg(0))
	}
	return err
}

// withValues joins the flags that are let through with a value that follows
// them. Whether they want one is not known, so they are told apart from
// switches by what comes next.
func withValues(f *flag.FlagSet, args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		if fl := f.Lookup(strings.TrimLeft(a, "-")); strings.HasPrefix(a, "-") && fl != nil && i+1 < len(args) {
			w, ok := fl.Value.(*watched)
			if _, free := valueOf(w, ok).(anything); free && !strings.HasPrefix(args[i+1], "-") {
				a += "=" + args[i+1]
				i++
			}
		}
		out = append(out, a)
	}
	return out
}

func valueOf(w *watched, ok bool) flag.Value {
	if !ok {
		return nil
	}
	return w.Value
}

// A watched flag tells when it is set.
type watched struct {
	flag.Value
	onSet func()
}

func (w *watched) Set(s string) error {
	w.onSet()
	return w.Value.Set(s)
}

// String also serves the zero value, which package flag makes to learn a default.
func (w *watched) String() string {
	if w.Value == nil {
		return ""
	}
	return w.Value.String()
}

func (w *watched) IsBoolFlag() bool { return isBool(w.Value) }

// anything takes any value, or none.
type anything struct{}

func (anything) String() string   { return "" }
func (anything) Set(string) error { return nil }
func (anything) IsBoolFlag() bool { return true }

func isBool(v flag.Value) bool {
	b, ok := v.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// readable makes a flag of a duration read 1d and 1w as well.
func readable(v flag.Value) flag.Value {
	if g, ok := v.(flag.Getter); ok {
		if _, ok := g.Get().(time.Duration); ok {
			return durationFlag{v}
		}
	}
	return v
}

type durationFlag struct{ flag.Value }

func (d durationFlag) Set(s string) error {
	v, err := limits.ParseDuration(s)
	if err != nil {
		return errors.Unwrap(err) // package flag says which value
	}
	return d.Value.Set(v.String())
}

// String also serves the zero value, which package flag makes to learn a default.
func (d durationFlag) String() string {
	if d.Value == nil {
		return ""
	}
	return d.Value.String()
}
