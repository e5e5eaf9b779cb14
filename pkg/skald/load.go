package skald

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/drone/envsubst"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"go.yaml.in/yaml/v3"
)

// An Action is what the command line asks for.
type Action int

// The actions.
const (
	RunServer Action = iota
	VerifyConfig
	PrintConfig
	ListTargets
	PrintVersion
	PrintHelp
	PrintAllHelp
)

// Loaded is a command line and the file it names, read and checked.
type Loaded struct {
	Action Action
	Config Config
	// File is the configuration file that was read, empty if there was none.
	File string
	// Warnings are the settings that have no effect.
	Warnings []Warning
	// PrintToStderr asks for the configuration to be printed at start.
	PrintToStderr bool
}

// Load reads a command line, without the program's name, and the configuration
// file it names. Values come, each over the one before, from
//
//	the built-in defaults ─▶ the common block ─▶ the file ─▶ the flags
//
// getenv looks up the variables of -config.expand-env. An error names all that
// is wrong, a line for each.
func Load(args []string, getenv func(string) string) (*Loaded, error) {
	l := theLedger()

	// What the common block says is needed before it can be the default of
	// others, so everything is read twice.
	var first Config
	var p programFlags
	f := newFlagSet(&first, &p, l)
	if err := f.parse(args, l); err != nil {
		return nil, err
	}
	out := &Loaded{Action: p.action(), PrintToStderr: p.printConfigStderr, Warnings: f.warnings}
	if out.Action != RunServer && out.Action != VerifyConfig && out.Action != PrintConfig {
		return out, nil
	}

	t := &tree{root: &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}}
	if p.configFile != "" {
		var err error
		if out.File, t, err = readTree(p.configFile, p.expandEnv, getenv); err != nil {
			return nil, err
		}
		t.judge(l)
		t.conform(t.root, reflect.TypeFor[Config](), "")
		if len(t.errs) > 0 {
			return nil, errors.Join(t.errs...)
		}
		out.Warnings = append(out.Warnings, t.warnings...)
	}

	read := func(c *Config, common *CommonConfig) error {
		f := newFlagSet(c, &programFlags{}, l)
		if out.File == "" {
			c.local()
		}
		if common != nil {
			c.inherit(*common)
		}
		if err := t.decode(c); err != nil {
			return err
		}
		return f.parse(args, l)
	}
	first = Config{}
	if err := read(&first, nil); err != nil {
		return nil, err
	}
	if err := read(&out.Config, &first.Common); err != nil {
		return nil, err
	}
	if err := out.Config.resolve(); err != nil {
		return nil, err
	}
	if err := out.Config.Validate(); err != nil {
		if out.File != "" {
			return nil, fmt.Errorf("%s: %w", out.File, err)
		}
		return nil, err
	}
	return out, nil
}

func (p *programFlags) action() Action {
	switch {
	case p.helpAll:
		return PrintAllHelp
	case p.help:
		return PrintHelp
	case p.version:
		return PrintVersion
	case p.listTargets:
		return ListTargets
	case p.printConfig:
		return PrintConfig
	case p.verifyConfig:
		return VerifyConfig
	}
	return RunServer
}

// readTree reads the first file of a list that exists.
func readTree(list string, expand bool, getenv func(string) string) (string, *tree, error) {
	for file := range strings.SplitSeq(list, ",") {
		file = strings.TrimSpace(file)
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", nil, fmt.Errorf("read configuration: %w", err)
		}
		if expand {
			expanded, err := envsubst.Eval(string(text), getenv)
			if err != nil {
				return "", nil, fmt.Errorf("%s: replace environment variables: %w", file, err)
			}
			text = []byte(expanded)
		}
		t, err := parseTree(file, text)
		return file, t, err
	}
	return "", nil, fmt.Errorf("read configuration: there is no file %s", strings.ReplaceAll(list, ",", ", nor "))
}

// LogWarnings writes a line for each setting that has no effect.
func (l *Loaded) LogWarnings(logger log.Logger) {
	for _, w := range l.Warnings {
		kv := []any{"msg", "setting is ignored", "setting", w.What, "why", w.Why}
		if w.Line > 0 {
			kv = append(kv, "file", l.File, "line", w.Line)
		}
		level.Warn(logger).Log(kv...)
	}
}

// defaultConfig is the configuration of an empty file and command line.
func defaultConfig() (*Config, error) {
	var c Config
	newFlagSet(&c, &programFlags{}, theLedger())
	return &c, c.resolve()
}
