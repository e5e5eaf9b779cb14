package logqltest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	promparser "github.com/prometheus/prometheus/promql/parser"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	skaldmodel "github.com/skaldlogs/skald/pkg/model"
)

// A Script is the steps of a file, in order.
type Script struct {
	File  string
	Steps []Step
}

// A Step loads a stream, or evaluates a query.
type Step struct {
	Line int     // in the file, from 1
	Load *Stream // nil for an evaluation
	Eval *Eval
}

// An Eval is a query and what it answers.
type Eval struct {
	Query  string
	Params engine.Params
	Fails  bool
	Want   []string // without indentation
}

// ReadScript reads a file.
func ReadScript(file string) (*Script, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s, err := ParseScript(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	s.File = file
	return s, nil
}

// ParseScript reads the text of a script.
func ParseScript(text string) (*Script, error) {
	s := &Script{}
	var step *Step
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var err error
		switch verb, rest, _ := strings.Cut(trimmed, " "); {
		case line[0] == ' ' && step == nil:
			err = fmt.Errorf("an indented line before any step")
		case line[0] == ' ' && step.Load != nil:
			err = step.Load.parseEntry(trimmed)
		case line[0] == ' ':
			step.Eval.Want = append(step.Eval.Want, trimmed)
		case verb == "load":
			s.Steps = append(s.Steps, Step{Line: i + 1, Load: &Stream{}})
			step = &s.Steps[len(s.Steps)-1]
			step.Load.Labels, err = parseLabels(rest)
		case verb == "eval":
			s.Steps = append(s.Steps, Step{Line: i + 1, Eval: &Eval{}})
			step = &s.Steps[len(s.Steps)-1]
			err = step.Eval.parse(rest)
		default:
			err = fmt.Errorf("unknown verb %q, expected load or eval", verb)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return s, nil
}

func parseLabels(text string) (labels.Labels, error) {
	ls, err := promparser.NewParser(promparser.Options{}).ParseMetric(strings.TrimSpace(text))
	if err != nil {
		return labels.EmptyLabels(), fmt.Errorf("labels %s: %w", text, err)
	}
	return ls, nil
}

// parseEntry reads a time, metadata if there is any, and a line.
func (s *Stream) parseEntry(text string) error {
	at, rest, _ := strings.Cut(text, " ")
	ts, err := parseTime(at)
	if err != nil {
		return err
	}
	rest = strings.TrimSpace(rest)
	e := skaldmodel.Entry{Timestamp: ts}
	if strings.HasPrefix(rest, "@{") {
		end := strings.Index(rest, "}")
		if end < 0 {
			return fmt.Errorf("metadata without its closing brace: %s", rest)
		}
		ls, err := parseLabels(rest[1 : end+1])
		if err != nil {
			return err
		}
		ls.Range(func(l labels.Label) { e.Metadata = append(e.Metadata, l) })
		rest = strings.TrimSpace(rest[end+1:])
	}
	e.Line = rest
	if strings.HasPrefix(rest, `"`) {
		if e.Line, err = strconv.Unquote(rest); err != nil {
			return fmt.Errorf("line %s: %w", rest, err)
		}
	}
	s.Entries = append(s.Entries, e)
	return nil
}

// forever is the end of queries that name none: all times of a script are before.
const forever = int64(1000 * 24 * time.Hour)

// parse reads what stands behind eval.
func (e *Eval) parse(text string) error {
	e.Params = engine.Params{Start: 0, End: forever, Step: time.Second, Limit: 1000}
	timed := false
	for {
		word, rest, _ := strings.Cut(strings.TrimLeft(text, " "), " ")
		p := &e.Params
		var err error
		switch word {
		case "logs", "instant":
		case "range":
			word, rest, _ = strings.Cut(strings.TrimLeft(rest, " "), " ")
			p.Start, err = parseTime(word)
			timed = true
		case "fail":
			e.Fails = true
		case "forward":
			p.Direction = engine.Forward
		case "categorize":
			p.Categorize = true
		case "from", "to", "at", "step", "limit", "interval":
			keyword := word
			word, rest, _ = strings.Cut(strings.TrimLeft(rest, " "), " ")
			err = e.option(keyword, word)
			timed = timed || keyword == "at"
		default:
			e.Query = strings.TrimSpace(text)
			if e.Query == "" {
				return fmt.Errorf("eval without a query")
			}
			if expr, err := syntax.Parse(e.Query); err == nil && !timed {
				if _, logs := expr.(*syntax.LogSelector); !logs {
					return e.option("at", "60s")
				}
			}
			return nil
		}
		if err != nil {
			return err
		}
		text = rest
	}
}

// option reads the value of a keyword.
func (e *Eval) option(keyword, value string) error {
	p := &e.Params
	if keyword == "limit" {
		n, err := strconv.Atoi(value)
		p.Limit = n
		return err
	}
	ts, err := parseTime(value)
	switch keyword {
	case "from":
		p.Start = ts
	case "to":
		p.End = ts
	case "at":
		p.Start, p.End, p.Step = ts, ts, 0
	case "step":
		p.Step = time.Duration(ts)
	case "interval":
		p.Interval = time.Duration(ts)
	}
	return err
}

// parseTime reads a duration: 0, 90s, 1m30s, 1500ms.
func parseTime(text string) (int64, error) {
	if d, err := time.ParseDuration(text); err == nil {
		return int64(d), nil
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("time %q: %w", text, err)
	}
	return int64(d), nil
}
