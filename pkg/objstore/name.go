package objstore

import (
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Longest names, in bytes: of one element, as most file systems have it, and of
// a whole name, as most object stores have it.
const (
	maxElement = 255
	maxName    = 1024
)

// CheckName reports whether name can name an object: elements of letters,
// digits and "-_.=", none of them empty, longer than 255 bytes or begun with a
// dot, joined by slashes to at most 1024 bytes.
func CheckName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("object name %.40q…: longer than %d bytes", name, maxName)
	}
	for element := range strings.SplitSeq(name, "/") {
		switch {
		case element == "":
			return fmt.Errorf("object name %q: an element is empty", name)
		case element[0] == '.':
			return fmt.Errorf("object name %q: an element begins with a dot", name)
		case len(element) > maxElement:
			return fmt.Errorf("object name %.40q…: an element is longer than %d bytes", name, maxElement)
		}
		for i := range len(element) {
			if !safe(element[i]) && !('A' <= element[i] && element[i] <= 'Z') && element[i] != '=' {
				return fmt.Errorf("object name %q: holds %q", name, element[i])
			}
		}
	}
	return nil
}

// checkPrefix reports whether prefix can be listed.
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	folder, ok := strings.CutSuffix(prefix, "/")
	if !ok {
		return fmt.Errorf("list %q: a prefix ends in a slash", prefix)
	}
	return CheckName(folder)
}

// EncodeTenant returns a path element for a tenant's id. Different ids have
// different elements, which differ by more than the case of letters and are
// names that every file system and store accepts; ids of small letters, digits
// and "-_." mostly stand for themselves. Everything else is written =hh, in hex;
// where that grows too long the whole id is written == and base 32.
//
// An id of up to 158 bytes fits an element; [CheckName] refuses what longer ones
// may give.
func EncodeTenant(id string) string {
	if id == "" {
		return "="
	}
	var b strings.Builder
	for i := range len(id) {
		c := id[i]
		edge := i == 0 || i == len(id)-1
		if !safe(c) || c == '.' && edge || i == 0 && reserved(id) {
			fmt.Fprintf(&b, "=%02x", c)
		} else {
			b.WriteByte(c)
		}
	}
	if b.Len() > maxElement {
		return "==" + longIDs.EncodeToString([]byte(id))
	}
	return b.String()
}

// DecodeTenant returns the id that [EncodeTenant] made element from. Any other
// element is an error.
func DecodeTenant(element string) (string, error) {
	id, err := decodeTenant(element)
	if err == nil && EncodeTenant(id) != element {
		err = errors.New("not in its one form")
	}
	if err != nil {
		return "", fmt.Errorf("decode tenant %q: %w", element, err)
	}
	return id, nil
}

func decodeTenant(element string) (string, error) {
	if element == "=" {
		return "", nil
	}
	if long, ok := strings.CutPrefix(element, "=="); ok {
		id, err := longIDs.DecodeString(long)
		return string(id), err
	}
	var b strings.Builder
	for i := 0; i < len(element); i++ {
		if element[i] != '=' {
			b.WriteByte(element[i])
			continue
		}
		if i+3 > len(element) {
			return "", errors.New("cut short")
		}
		c, err := hex.DecodeString(element[i+1 : i+3])
		if err != nil {
			return "", err
		}
		b.Write(c)
		i += 2
	}
	return b.String(), nil
}

var longIDs = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// safe is for bytes that mean themselves on every store.
func safe(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
}

// reserved is for ids that Windows takes for devices, whatever their extension.
func reserved(id string) bool {
	base, _, _ := strings.Cut(id, ".")
	switch base {
	case "con", "prn", "aux", "nul":
		return true
	}
	port, ok := strings.CutPrefix(base, "com")
	if !ok {
		port, ok = strings.CutPrefix(base, "lpt")
	}
	return ok && len(port) == 1 && '0' <= port[0] && port[0] <= '9'
}
