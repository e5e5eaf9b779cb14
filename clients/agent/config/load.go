package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/drone/envsubst"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/clients/agent/send"
	"github.com/skaldlogs/skald/pkg/spell"
)

// Loaded is a command line and the file it names, read and checked.
type Loaded struct {
	Flags    Flags
	Config   Config
	Warnings []Warning
	// Unserved are the blocks of targets that are not served yet, each with its
	// job: docker_sd_configs of job docker.
	Unserved []string
	args     []string
	getenv   func(string) string
}

// Load reads a command line, without the program's name, and the file it names.
// getenv looks up the variables of -config.expand-env.
func Load(args []string, getenv func(string) string) (*Loaded, error) {
	l := &Loaded{Config: Default(), args: args, getenv: getenv}
	deprecated := send.DefaultConfig()
	warnings, err := parse(flags(&l.Config, &l.Flags, &deprecated), args)
	if err != nil {
		return nil, err
	}
	if l.Flags.Version || l.Flags.Help {
		return l, nil
	}
	l.Config = Default()
	if l.Flags.File != "" {
		if err := l.read(); err != nil {
			return nil, fmt.Errorf("%s: %w", l.Flags.File, err)
		}
	}
	deprecated = send.DefaultConfig()
	if _, err := parse(flags(&l.Config, &l.Flags, &deprecated), args); err != nil {
		return nil, err
	}
	if deprecated.URL.URL != nil {
		l.Config.Clients = append(l.Config.Clients, deprecated)
	}
	if err := l.Config.Validate(); err != nil {
		if l.Flags.File != "" {
			return nil, fmt.Errorf("%s: %w", l.Flags.File, err)
		}
		return nil, err
	}
	l.Flags.Stdin = l.Flags.Stdin || l.Config.Target.Stdin
	l.Warnings = append(warnings, l.Config.warnings()...)
	l.Unserved = l.Config.unserved()
	return l, nil
}

// Again loads the same command line and file anew.
func (l *Loaded) Again() (*Loaded, error) { return Load(l.args, l.getenv) }

func (l *Loaded) read() error {
	text, err := os.ReadFile(l.Flags.File)
	if err != nil {
		return errors.Unwrap(err)
	}
	if l.Flags.ExpandEnv {
		expanded, err := envsubst.Eval(string(text), l.getenv)
		if err != nil {
			return fmt.Errorf("replace environment variables: %w", err)
		}
		text = []byte(expanded)
	}
	return Parse(text, &l.Config)
}

// Parse reads a file over what c holds.
func Parse(text []byte, c *Config) error {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return readable(err)
	}
	return nil
}

var (
	notFound = regexp.MustCompile(`field (\S+) not found in type (\S+)`)
	yamlHead = regexp.MustCompile(`^yaml: (unmarshal errors:\n\s*)?`)
)

// readable says in the words of the file what is wrong with it.
func readable(err error) error {
	text := yamlHead.ReplaceAllString(err.Error(), "")
	text = notFound.ReplaceAllStringFunc(text, func(found string) string {
		m := notFound.FindStringSubmatch(found)
		return fmt.Sprintf("unknown setting %q%s", m[1], spell.Perhaps(m[1], settingsOf(m[2])))
	})
	return errors.New(strings.ReplaceAll(text, "\n  ", "; "))
}

// unserved names the blocks that are not served yet.
func (c *Config) unserved() []string {
	var out []string
	for i := range c.Scrape {
		v := reflect.ValueOf(c.Scrape[i].Unserved)
		for f := range v.Type().Fields() {
			if !v.FieldByIndex(f.Index).IsNil() {
				name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
				out = append(out, fmt.Sprintf("%s of job %s", name, c.Scrape[i].JobName))
			}
		}
	}
	return out
}

// Check reports the blocks that are not served yet as an error, where the
// configuration asks for that.
func (l *Loaded) Check() error {
	if len(l.Unserved) == 0 || l.Config.Target.Unserved != Refuse {
		return nil
	}
	return fmt.Errorf("not served yet: %s; remove them, or set -target.unserved=%s to go on without", strings.Join(l.Unserved, ", "), Ignore)
}

// LogWarnings writes a line for each setting that has no effect, and for each
// block that is not served.
func (l *Loaded) LogWarnings(logger log.Logger) {
	for _, w := range l.Warnings {
		kv := []any{"msg", "setting is ignored", "setting", w.What, "why", w.Why}
		if w.Line > 0 {
			kv = append(kv, "file", l.Flags.File, "line", w.Line)
		}
		level.Warn(logger).Log(kv...)
	}
	for _, u := range l.Unserved {
		level.Error(logger).Log("msg", "targets are not served yet, their logs are not read", "block", u)
	}
}

// Text is the configuration in force, as YAML.
func (c *Config) Text() (string, error) {
	text, err := yaml.Marshal(c)
	return string(text), err
}
