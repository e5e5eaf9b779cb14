package stage

import (
	"fmt"

	"github.com/grafana/regexp"
)

// compileRegexp compiles the regular expression of a setting.
func compileRegexp(setting, expr string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return re, nil
}
