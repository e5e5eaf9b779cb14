package stage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jmespath/go-jmespath"
)

// jsonConfig are the settings of json.
type jsonConfig struct {
	// Expressions are JMESPath expressions by the name to extract them under.
	// An empty one is the name itself.
	Expressions   map[string]string `yaml:"expressions"`
	Source        string            `yaml:"source"`
	DropMalformed bool              `yaml:"drop_malformed"`

	complex map[string]*jmespath.JMESPath
}

func (c *jsonConfig) validate() error {
	if len(c.Expressions) == 0 {
		return required("expressions")
	}
	c.complex = map[string]*jmespath.JMESPath{}
	for name, expr := range c.Expressions {
		if expr == "" {
			expr = name
			c.Expressions[name] = expr
		}
		if _, ok := simplePath(expr); ok {
			continue
		}
		e, err := jmespath.Compile(expr)
		if err != nil {
			return fmt.Errorf("expression of %q: %w", name, err)
		}
		c.complex[name] = e
	}
	return nil
}

func (c *jsonConfig) compile(b *builder) error {
	s := &jsonStage{source: b.source(c.Source), dropMalformed: c.DropMalformed}
	for _, name := range slices.Sorted(maps.Keys(c.Expressions)) {
		slot := b.slot(name)
		if e, ok := c.complex[name]; ok {
			s.complex = append(s.complex, jsonExpr{slot, e})
			continue
		}
		path, ok := simplePath(c.Expressions[name])
		if !ok {
			return errors.New("an expression that is neither simple nor compiled")
		}
		s.tree.add(path, slot)
	}
	b.add(s)
	return nil
}

// A jsonExpr is an expression that is more than names with dots in between.
type jsonExpr struct {
	slot int
	expr *jmespath.JMESPath
}

// jsonStage extracts values of a JSON object. Numbers keep their digits; objects
// and arrays are extracted as their text, without the space in it.
type jsonStage struct {
	source        int
	dropMalformed bool
	tree          jsonTree
	complex       []jsonExpr
}

func (s *jsonStage) process(c *Chain, _ int, r *row) verdict {
	text, ok := r.text(s.source)
	if !ok {
		return pass
	}
	if !r.scan.object(text, &s.tree, r) {
		if s.dropMalformed {
			return c.drop(r, reasonMalformed)
		}
		return pass
	}
	for _, f := range r.scan.found {
		if f.value.kind != kindAbsent {
			r.set(f.slot, f.value)
		}
	}
	if len(s.complex) > 0 {
		s.search(text, r)
	}
	return pass
}

// search evaluates the expressions that need the whole document. What they do
// not find cannot be told from a null, and counts as not found.
func (s *jsonStage) search(text string, r *row) {
	var doc any
	if json.Unmarshal([]byte(text), &doc) != nil {
		return
	}
	for _, e := range s.complex {
		found, err := e.expr.Search(doc)
		if err != nil {
			continue
		}
		if v := r.jsonValue(found); v.kind != kindAbsent {
			r.set(e.slot, v)
		}
	}
}

// jsonValue turns what encoding/json made of a document into a value.
func (r *row) jsonValue(v any) value {
	switch v := v.(type) {
	case nil:
		return value{}
	case string:
		return textValue(v)
	case bool:
		if v {
			return value{kind: kindBool, text: "true"}
		}
		return value{kind: kindBool, text: "false"}
	case float64:
		return floatValue(v, r)
	default:
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if enc.Encode(v) != nil {
			return value{}
		}
		return textValue(r.keep(bytes.TrimSuffix(b.Bytes(), []byte{'\n'})))
	}
}
