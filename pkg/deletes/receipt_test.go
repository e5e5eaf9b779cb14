package deletes

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

var sample = Receipt{
	Request: catalog.Delete{
		ID: ulid.MustParse("01J9ZK00000000000000000001"), Tenant: "Team A", Query: `{app="web"} |= "x"`,
		Interval: model.Interval{Mint: 1, Maxt: 2}, Created: time.Unix(3, 4).UTC(),
		Covers: []scan.Generation{{Ingester: "i", ID: 7}},
	},
	Finished: time.Unix(5, 6).UTC(),
	Steps: []Step{{
		Request: ulid.MustParse("01J9ZK00000000000000000001"),
		Before:  Segment{ID: ulid.MustParse("01J9ZK00000000000000000002"), Object: "o", Size: 9, SHA256: "ab", Rows: Rows{3, 1 << 63}},
		Removed: Rows{1, 2}, Others: Rows{0, 0},
	}},
}

func TestReceipt(t *testing.T) {
	ctx, b := t.Context(), &objstore.Memory{}
	d := sample.Request
	if _, err := ReadReceipt(ctx, b, d.Tenant, d.ID); !errors.Is(err, objstore.ErrNotFound) {
		t.Errorf("a receipt that is not there: %v", err)
	}
	for i := range sample.Steps {
		if err := PutStep(ctx, b, d.Tenant, &sample.Steps[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := PutReceipt(ctx, b, &sample); err != nil {
		t.Fatal(err)
	}
	got, err := ReadReceipt(ctx, b, d.Tenant, d.ID)
	if err != nil || !reflect.DeepEqual(got, &sample) {
		t.Errorf("read %+v, %v, want %+v", got, err, &sample)
	}
	if tenants, err := Tenants(ctx, b); err != nil || !reflect.DeepEqual(tenants, []string{d.Tenant}) {
		t.Errorf("tenants are %v, %v", tenants, err)
	}
	ids, err := Steps(ctx, b, d.Tenant, d.ID)
	if err != nil || len(ids) != 1 || ids[0] != sample.Steps[0].Before.ID {
		t.Errorf("steps of %v, %v", ids, err)
	}
	if step, err := ReadStep(ctx, b, d.Tenant, d.ID, ids[0]); err != nil || !reflect.DeepEqual(step, &sample.Steps[0]) {
		t.Errorf("step is %+v, %v", step, err)
	}

	// Steps stay as long as their request counts.
	for _, counts := range []bool{true, false} {
		if err := Tidy(ctx, b, func(string, ulid.ULID) bool { return counts }); err != nil {
			t.Fatal(err)
		}
		ids, err := Steps(ctx, b, d.Tenant, d.ID)
		if err != nil || (len(ids) == 1) != counts {
			t.Errorf("the request counts: %v; %d steps are left, %v", counts, len(ids), err)
		}
	}
	if ids, err := Receipts(ctx, b, d.Tenant); err != nil || len(ids) != 1 {
		t.Errorf("receipts are %v, %v", ids, err)
	}
}

func FuzzReceipt(f *testing.F) {
	good, err := sample.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"id":"01J9ZK00000000000000000001","steps":[{"removed":{"count":1,"sum":"zz"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, object := range [][]byte{data, encbuf.Frame(receiptMagic, version, data)} {
			r, err := decodeReceipt(object)
			if err != nil {
				continue
			}
			again, err := r.encode()
			if err != nil {
				t.Fatalf("decoded, but cannot be encoded: %v", err)
			}
			if back, err := decodeReceipt(again); err != nil || back.Request.ID != r.Request.ID || len(back.Steps) != len(r.Steps) {
				t.Fatalf("decoded %+v, then %+v, %v", r, back, err)
			}
		}
		for _, object := range [][]byte{data, encbuf.Frame(stepMagic, version, data)} {
			_, _ = decodeStep(object)
		}
	})
}

func TestCompile(t *testing.T) {
	for _, tc := range []struct {
		query, line string
		want        bool
	}{
		{`{app="web"} |= "x"`, "axb", true},
		{`{app="web"} |= "x"`, "ab", false},
		{`{app="web"} | json | status >= 500`, `{"status": 503}`, true},
		{`{app="web"} | json | status >= 500`, `{"status": 200}`, false},
	} {
		d, err := Compile(tc.query)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Rows(labels.FromStrings("app", "web"))(0, tc.line, nil); got != tc.want {
			t.Errorf("%s selects %q: %v, want %v", tc.query, tc.line, got, tc.want)
		}
	}
	if d, err := Compile(`{app="web"}`); err != nil || d.Rows != nil {
		t.Errorf("a selector alone selects all rows: %v", err)
	}
	for _, query := range []string{"", `{app="web"`, `rate({app="web"}[1m])`, `{app="web"} |~ "("`} {
		if _, err := Compile(query); err == nil {
			t.Errorf("%q is understood", query)
		}
	}
}
