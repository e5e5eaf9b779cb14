package skald

import (
	"fmt"
	"net/http"
)

// noRings are the pages of rings that there are elsewhere and not here, each with
// the reason.
var noRings = map[string]string{
	"/pattern/ring":       "patterns are read off the stored blocks and ingesters' memory by queriers: no role of their own holds them",
	"/compactor/ring":     "the compactor has no ring: one process runs it, or, of processes that are everything, the first of /ring (see /compactor)",
	"/scheduler/ring":     "there is no scheduler apart: queries wait their turn in the process that takes them",
	"/indexgateway/ring":  "there is no index gateway: a segment has its index, and queriers read it",
	"/ingest-limits/ring": "limits of ingestion are shared out by /distributor/ring and /ring",
}

// noRing answers for a ring that is not there.
func noRing(why string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, fmt.Sprintf("there is no such ring: %s", why), http.StatusNotFound)
	}
}
