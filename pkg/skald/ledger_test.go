package skald

import (
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// lokiSettings is testdata/loki_keys.yaml.
type lokiSettings struct {
	Keys  map[string]string // key → flag, or ""
	Flags []string
}

func readLokiSettings(t *testing.T) lokiSettings {
	t.Helper()
	text, err := os.ReadFile("testdata/loki_keys.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var s lokiSettings
	if err := yaml.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// entryOf returns the entry that decides about a key: its own, or that of the
// block that it lies in.
func entryOf(l *ledger, key string) *Entry {
	for k := key; k != ""; k, _ = splitKey(k) {
		if e := l.find(k); e != nil {
			return e
		}
	}
	return nil
}

func TestEveryKeyOfLokiHasAVerdict(t *testing.T) {
	l := theLedger()
	var c Config
	f := newFlagSet(&c, &programFlags{}, l)
	settings := readLokiSettings(t)
	for key, name := range settings.Keys {
		if entryOf(l, key) == nil && !l.isBlock(key) {
			t.Errorf("key %s has no verdict: give it one in ledger_*.go", key)
		}
		if name != "" && f.Lookup(name) == nil && l.flagFamily(name) == nil {
			t.Errorf("flag -%s of key %s is not accepted", name, key)
		}
	}
	for _, name := range settings.Flags {
		if f.Lookup(name) == nil {
			t.Errorf("flag -%s is not accepted", name)
		}
	}
}

// TestFlagsMeanTheirKeys: a flag of Loki sets the same field as its key.
func TestFlagsMeanTheirKeys(t *testing.T) {
	l := theLedger()
	var c Config
	f := newFlagSet(&c, &programFlags{}, l)
	flagOf := map[string]string{}
	for _, fd := range f.fields {
		if fd.flag != nil {
			flagOf[fd.key] = fd.flag.Name
		}
	}
	for key, name := range readLokiSettings(t).Keys {
		e := entryOf(l, key)
		if name == "" || e == nil || e.Verdict == Ignored {
			continue
		}
		target := key
		if e.Verdict == Mapped {
			target = e.To + strings.TrimPrefix(key, e.Key)
		}
		got := flagOf[target]
		if got == name || strings.Contains(f.Lookup(name).Usage, "The same as -"+got+".") {
			continue
		}
		t.Errorf("flag -%s does not set %s, which -%s does", name, target, got)
	}
}

func TestLedgerAndStructsAgree(t *testing.T) {
	l := theLedger()
	var c Config
	f := newFlagSet(&c, &programFlags{}, l)
	exists := map[string]bool{}
	for _, fd := range f.fields {
		exists[fd.key] = true
		for k, _ := splitKey(fd.key); k != ""; k, _ = splitKey(k) {
			exists[k] = true // the block it lies in
		}
		if e := l.byKey[fd.key]; e == nil || e.Verdict == Mapped {
			t.Errorf("setting %s has no verdict of its own: give it one in ledger_*.go", fd.key)
		}
	}
	seen := map[string]bool{}
	for _, e := range l.entries {
		switch {
		case e.Key != "" && seen[e.Key]:
			t.Errorf("key %s is in the ledger twice", e.Key)
		case e.Verdict == Honoured && !exists[e.Key]:
			t.Errorf("key %s is honoured and is in no struct", e.Key)
		case e.Verdict == Mapped && !exists[e.To]:
			t.Errorf("key %s is mapped to %s, which is in no struct", e.Key, e.To)
		case e.Verdict != Honoured && e.Why == "":
			t.Errorf("key %s is %s without a reason", e.Key, e.Verdict)
		}
		seen[e.Key] = true
		for _, name := range e.Flags {
			if seen["-"+name] {
				t.Errorf("flag -%s is in the ledger twice", name)
			}
			seen["-"+name] = true
			if e.Verdict == Mapped && f.Lookup(name) == nil {
				t.Errorf("flag -%s is mapped to %s, which has no flag", name, e.To)
			}
		}
	}
}

func TestHint(t *testing.T) {
	l := theLedger()
	for _, tc := range []struct{ parent, name, want string }{
		{"limits_config", "max_lime_size", `, perhaps "max_line_size"`},
		{"", "limit_config", `, perhaps "limits_config"`},
		{"ingester", "max_line_size", `, perhaps "limits_config.max_line_size"`},
		{"server", "something_else_altogether", ""},
	} {
		if got := l.hint(tc.parent, tc.name); got != tc.want {
			t.Errorf("hint(%q, %q) = %q, want %q", tc.parent, tc.name, got, tc.want)
		}
	}
}

func TestTargets(t *testing.T) {
	for _, good := range [][]string{{All}, {Read}, {Write}, {"ingester", "distributor"}, {"querier"}, {QueryFrontend}} {
		if err := checkTargets(good); err != nil {
			t.Errorf("target %v: %v", good, err)
		}
	}
	for _, tc := range []struct {
		target []string
		want   string
	}{
		{nil, "it is empty"},
		{[]string{"query-scheduler"}, `there is no "query-scheduler": queries wait in the querier that they come to, so leave this process out; there are`},
		{[]string{"ingestor"}, `unknown target "ingestor", perhaps "ingester"`},
		{[]string{"server"}, `unknown target "server"`},
	} {
		if err := checkTargets(tc.target); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("target %v: %v, want it to say %q", tc.target, err, tc.want)
		}
	}
	if got := reach(All); slices.Index(got, Store) > slices.Index(got, Ingester) || !slices.Contains(got, Querier) {
		t.Errorf("all reaches %v, want every role, and the store before the ingester", got)
	}
}
