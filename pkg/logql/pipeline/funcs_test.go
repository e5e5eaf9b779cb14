package pipeline

import (
	"os"
	"regexp"
	"testing"

	"github.com/skaldlogs/skald/pkg/tmpl"
)

// Every function of templates is in the manual.
func TestTemplateFunctionsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/logql.md")
	if err != nil {
		t.Fatal(err)
	}
	ofGo := map[string]bool{"print": true, "printf": true, "println": true, "html": true, "js": true, "urlquery": true}
	for name := range (&templateRun{}).funcs() {
		if name != tmpl.TickFunc && !ofGo[name] && !regexp.MustCompile("[` ]"+name+"[` ]").Match(page) {
			t.Errorf("docs/logql.md does not name %s", name)
		}
	}
}
