package loghttp

// InsertWarnings adds warnings to an answer, an object of JSON.
func InsertWarnings(body []byte, warnings []string) []byte {
	end := len(body) - 1
	for end >= 0 && body[end] != '}' {
		end--
	}
	if end < 0 || len(warnings) == 0 {
		return body
	}
	out := body[:end:end]
	if end > 0 && body[end-1] != '{' {
		out = append(out, ',')
	}
	out = append(out, `"warnings":`...)
	return append(appendStrings(out, warnings), "}\n"...)
}
