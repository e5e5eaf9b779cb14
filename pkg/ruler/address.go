package ruler

import (
	"net/url"
	"strings"
)

// An Address is where a server is, or a list of them with commas. Passwords of
// URLs are not shown to those who ask for the configuration.
type Address string

// Set implements [flag.Value].
func (a *Address) Set(text string) error {
	*a = Address(text)
	return nil
}

// String implements [flag.Value].
func (a *Address) String() string { return string(*a) }

// MarshalYAML returns the address without passwords.
func (a Address) MarshalYAML() (any, error) {
	list := strings.Split(string(a), ",")
	for i, text := range list {
		if u, err := url.Parse(strings.TrimSpace(text)); err == nil && u.User != nil {
			list[i] = u.Redacted()
		}
	}
	return strings.Join(list, ","), nil
}
