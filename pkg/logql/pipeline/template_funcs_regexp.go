package pipeline

import (
	"strings"
	texttemplate "text/template"

	"github.com/grafana/regexp"
)

// maxTemplateRegexps is how many compiled regular expressions a template keeps.
// Most come from the template itself, and are few.
const maxTemplateRegexps = 32

// regexp compiles a regular expression, once.
func (r *templateRun) regexp(expr string) (*regexp.Regexp, error) {
	if re, ok := r.regexps[expr]; ok {
		return re, nil
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	if r.regexps == nil || len(r.regexps) >= maxTemplateRegexps {
		r.regexps = map[string]*regexp.Regexp{}
	}
	// expr may be a part of a line that is soon gone.
	r.regexps[strings.Clone(expr)] = re
	return re, nil
}

// regexpFuncs match regular expressions. One that does not compile fails when it
// is used, since it may come from a line.
func (r *templateRun) regexpFuncs() texttemplate.FuncMap {
	return texttemplate.FuncMap{
		"count": func(expr, s string) (int, error) {
			re, err := r.regexp(expr)
			if err != nil {
				return 0, err
			}
			return len(re.FindAllStringIndex(s, -1)), nil
		},
		"regexReplaceAll": func(expr, s, with string) (string, error) {
			re, err := r.regexp(expr)
			if err != nil {
				return "", err
			}
			if err := fitsReplaced(s, with, len(re.FindAllStringIndex(s, -1)), strings.Count(with, "$")); err != nil {
				return "", err
			}
			return re.ReplaceAllString(s, with), nil
		},
		"regexReplaceAllLiteral": func(expr, s, with string) (string, error) {
			re, err := r.regexp(expr)
			if err != nil {
				return "", err
			}
			if err := fitsReplaced(s, with, len(re.FindAllStringIndex(s, -1)), 0); err != nil {
				return "", err
			}
			return re.ReplaceAllLiteralString(s, with), nil
		},
	}
}
