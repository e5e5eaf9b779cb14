package stage

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/grafana/regexp"
	"golang.org/x/crypto/sha3"
)

// templateFuncs are what templates may call: those of sprig, and some whose
// names and order of arguments are Go's. Those that write as much as they are
// asked to are bounded.
var templateFuncs = newTemplateFuncs()

func newTemplateFuncs() template.FuncMap {
	funcs := sprig.TxtFuncMap()
	maps.Copy(funcs, template.FuncMap{
		"ToLower":                strings.ToLower,
		"ToUpper":                strings.ToUpper,
		"Replace":                strings.Replace,
		"Trim":                   strings.Trim,
		"TrimLeft":               strings.TrimLeft,
		"TrimRight":              strings.TrimRight,
		"TrimPrefix":             strings.TrimPrefix,
		"TrimSuffix":             strings.TrimSuffix,
		"TrimSpace":              strings.TrimSpace,
		"regexReplaceAll":        regexReplaceAll,
		"regexReplaceAllLiteral": regexReplaceAllLiteral,
		"Hash":                   hashSHA3,
		"Sha2Hash":               hashSHA2,

		"repeat":  repeat,
		"indent":  func(n int, s string) (string, error) { return indent(n, s, "") },
		"nindent": func(n int, s string) (string, error) { return indent(n, s, "\n") },
	})
	return funcs
}

func regexReplaceAll(expr, s, with string) (string, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return "", err
	}
	return re.ReplaceAllString(s, with), nil
}

func regexReplaceAllLiteral(expr, s, with string) (string, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return "", err
	}
	return re.ReplaceAllLiteralString(s, with), nil
}

// hashSHA3 is the SHA3-256 of salt and text, in hexadecimal.
func hashSHA3(salt, s string) string {
	sum := sha3.Sum256([]byte(salt + s))
	return hex.EncodeToString(sum[:])
}

// hashSHA2 is the SHA-256 of salt and text, in hexadecimal.
func hashSHA2(salt, s string) string {
	sum := sha256.Sum256([]byte(salt + s))
	return hex.EncodeToString(sum[:])
}

func repeat(n int, s string) (string, error) {
	if n < 0 || n*len(s) > maxTemplateBytes || n > maxTemplateBytes {
		return "", fmt.Errorf("repeat %d times: %w", n, errTooLong)
	}
	return strings.Repeat(s, n), nil
}

func indent(n int, s, before string) (string, error) {
	if n < 0 || n > maxTemplateBytes || (strings.Count(s, "\n")+1)*n > maxTemplateBytes {
		return "", fmt.Errorf("indent by %d: %w", n, errTooLong)
	}
	pad := strings.Repeat(" ", n)
	return before + pad + strings.ReplaceAll(s, "\n", "\n"+pad), nil
}
