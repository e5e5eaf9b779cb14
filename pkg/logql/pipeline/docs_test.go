package pipeline_test

import (
	"os"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// Every query in the manual parses, and its stages compile.
func TestDocumentedQueries(t *testing.T) {
	page, err := os.ReadFile("../../../docs/logql.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, block := range strings.Split(string(page), "```logql\n")[1:] {
		queries, _, _ := strings.Cut(block, "```")
		for query := range strings.Lines(queries) {
			n++
			e, err := syntax.Parse(query)
			if err != nil {
				t.Error(err)
				continue
			}
			syntax.Walk(e, func(n syntax.Node) bool {
				if s, ok := n.(*syntax.LogSelector); ok {
					if _, err := pipeline.Compile(s.Stages, pipeline.Options{}); err != nil {
						t.Error(err)
					}
				}
				return true
			})
		}
	}
	if n < 20 {
		t.Errorf("only %d queries found", n)
	}
}
