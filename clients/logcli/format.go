package logcli

import (
	"context"
	"fmt"
	"io"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// maxQuery bounds the text of a query on stdin, as servers do.
const maxQuery = 131072

func (c *cli) runFormat(context.Context) error {
	text, err := io.ReadAll(io.LimitReader(c.in, maxQuery+1))
	if err != nil {
		return fmt.Errorf("read the query: %w", err)
	}
	if len(text) > maxQuery {
		return fmt.Errorf("the query is longer than %d bytes", maxQuery)
	}
	expr, err := syntax.Parse(string(text))
	if err != nil {
		return fmt.Errorf("failed to parse the query: %w", err)
	}
	return c.write([]byte(syntax.Pretty(expr) + "\n"))
}
