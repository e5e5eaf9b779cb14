package pkg_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// floors is the plan of the house, from the top down. Imports go down, never
// up. Rooms on one floor may import each other, except across a `|`: the sides
// of that wall meet only on a higher floor. A trailing /… takes in all rooms
// below that folder.
//
// A new package is given its floor here.
const floors = `
	skald
	api  ui
	distributor | ingester | querier | frontend | scheduler | ruler | compactor
	cluster  limits  rpc  deletes
	storage/… | logql/…
	scan/…  explain  fields  extract  grep  tmpl  vfs  encbuf  guard  compression  objstore/…  cache  iter  machine
	model  logproto/…  loghttp  parts  seeds  spell
`

// guests are folders outside pkg and what of pkg they may import: clients
// speak to the server over HTTP like anyone else.
var guests = map[string]string{
	"clients": "scan scan/… fields extract grep tmpl vfs encbuf compression objstore cache iter parts seeds spell model logproto/… loghttp logql/…",
	"cmd":     "…",
}

const module = "github.com/skaldlogs/skald/"

// A room is where a package lives: its floor, counted from the top, and the
// side of the walls on that floor.
type room struct{ floor, side int }

func TestImportsGoDown(t *testing.T) {
	rooms := map[string]room{}
	for f, line := range strings.Split(strings.TrimSpace(floors), "\n") {
		for s, side := range strings.Split(line, "|") {
			for _, name := range strings.Fields(side) {
				rooms[name] = room{f, s}
			}
		}
	}
	roomOf := func(pkg string) (room, bool) {
		for p := pkg; p != "."; p = filepath.Dir(p) {
			if r, ok := rooms[p]; ok && p == pkg {
				return r, true
			}
			if r, ok := rooms[p+"/…"]; ok {
				return r, true
			}
		}
		return room{}, false
	}

	eachImport(t, ".", func(file, imported string) {
		from := filepath.ToSlash(filepath.Dir(file))
		to, ours := strings.CutPrefix(imported, module)
		if !ours || from == "." {
			return
		}
		to, inPkg := strings.CutPrefix(to, "pkg/")
		if !inPkg {
			t.Errorf("%s: pkg/%s imports %s, which is outside of pkg", file, from, to)
			return
		}
		a, ok := roomOf(from)
		if !ok {
			t.Errorf("pkg/%s has no floor: give it one in floors_test.go", from)
			return
		}
		b, ok := roomOf(to)
		switch {
		case !ok:
			t.Errorf("pkg/%s has no floor: give it one in floors_test.go", to)
		case b.floor < a.floor:
			t.Errorf("%s: pkg/%s imports pkg/%s, which is upstairs", file, from, to)
		case b.floor == a.floor && b.side != a.side:
			t.Errorf("%s: pkg/%s imports pkg/%s, across the wall", file, from, to)
		}
	})

	for guest, allowed := range guests {
		eachImport(t, filepath.Join("..", guest), func(file, imported string) {
			to, ours := strings.CutPrefix(imported, module+"pkg/")
			if !ours {
				return
			}
			for _, a := range strings.Fields(allowed) {
				if p, deep := strings.CutSuffix(a, "…"); to == a || deep && strings.HasPrefix(to, strings.TrimSuffix(p, "/")) {
					return
				}
			}
			t.Errorf("%s: %s imports pkg/%s, which its guests may not use", file, guest, to)
		})
	}
}

// eachImport calls fn for each import of each Go file below dir, tests left
// out: a test may look into any room it needs to check its own.
func eachImport(t *testing.T, dir string, fn func(file, imported string)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range f.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			fn(path, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
