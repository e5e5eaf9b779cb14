package deletes

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/digest"
)

// A Step is what became of one segment that held rows of a request.
type Step struct {
	Request ulid.ULID `json:"request"`
	Before  Segment   `json:"before"`
	// After is what was put in its place; nil when no row was left.
	After *Segment `json:"after,omitempty"`
	// Removed are the rows that the request deleted. A row that several requests
	// select counts for the first of them.
	Removed Rows `json:"removed"`
	// Others are rows that went with the same step without being this request's:
	// of other requests, and copies of rows that stay.
	Others Rows `json:"others"`
}

// A Segment is one as it was.
type Segment struct {
	ID     ulid.ULID `json:"id"`
	Object string    `json:"object"`
	Size   int64     `json:"size"`
	SHA256 string    `json:"sha256"` // of the object, in hex
	Rows   Rows      `json:"rows"`
}

// Rows are the digest of rows, as JSON has it.
type Rows digest.Digest

type rowsJSON struct {
	Count int64  `json:"count"`
	Sum   string `json:"sum"` // hex: not every reader of JSON has 64 bits
}

// MarshalJSON implements [json.Marshaler].
func (r Rows) MarshalJSON() ([]byte, error) {
	return json.Marshal(rowsJSON{r.Rows, fmt.Sprintf("%016x", r.Sum)})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *Rows) UnmarshalJSON(data []byte) error {
	var j rowsJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	sum, err := strconv.ParseUint(j.Sum, 16, 64)
	*r = Rows{j.Count, sum}
	return err
}

// A Receipt says what was done for a request.
type Receipt struct {
	Request  catalog.Delete
	Finished time.Time
	Steps    []Step // by the id of the segment
	// Left are segments that may have rows of the request and could not be written
	// again. As long as there are any, the request counts: what can be read of
	// them is hidden. When they are repaired, another receipt takes the place of this.
	Left []Left
	// Lost are segments that were written again, or dropped, and of which what was
	// written down about it cannot be read any more.
	Lost []Left
}

// A Left is a segment that could not be written again, or the object that says how it was.
type Left struct {
	ID     ulid.ULID `json:"id"`
	Object string    `json:"object"`
	Why    string    `json:"why"`
}

// Removed is how many rows went.
func (r *Receipt) Removed() int64 {
	var n int64
	for i := range r.Steps {
		n += r.Steps[i].Removed.Rows
	}
	return n
}

type receiptJSON struct {
	ID       ulid.ULID   `json:"id"`
	Tenant   string      `json:"tenant"`
	Query    string      `json:"query"`
	Mint     int64       `json:"mint"`
	Maxt     int64       `json:"maxt"`
	Created  int64       `json:"created"`
	Covers   []coverJSON `json:"covers"`
	Finished int64       `json:"finished"`
	Steps    []Step      `json:"steps"`
	Left     []Left      `json:"left,omitempty"`
	Lost     []Left      `json:"lost,omitempty"`
}

type coverJSON struct {
	Ingester   string `json:"ingester"`
	Generation uint64 `json:"generation"`
}

const (
	root          = "deletes/"
	receiptSuffix = ".receipt"
	stepSuffix    = ".step"
	receiptMagic  = "skald-receipt"
	stepMagic     = "skald-delete-step"
	version       = 1
	// maxObject bounds a step or a receipt, in bytes: that of some 100,000 segments.
	maxObject = 64 << 20
)

func folderOf(tenant string) string { return root + objstore.EncodeTenant(tenant) + "/" }

func receiptName(tenant string, request ulid.ULID) string {
	return folderOf(tenant) + request.String() + receiptSuffix
}

func stepFolder(tenant string, request ulid.ULID) string {
	return folderOf(tenant) + request.String() + "/"
}

// StepName is the name of the object that says what is done to a segment.
func StepName(tenant string, request, segment ulid.ULID) string {
	return stepFolder(tenant, request) + segment.String() + stepSuffix
}

// PutStep writes what a step is about to do. It has been done once the segment
// before is not live any more.
func PutStep(ctx context.Context, b objstore.Bucket, tenant string, s *Step) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	object := encbuf.Frame(stepMagic, version, body)
	return b.Put(ctx, StepName(tenant, s.Request, s.Before.ID), bytes.NewReader(object), int64(len(object)))
}

// Steps returns the ids of the segments that steps were written for, sorted.
func Steps(ctx context.Context, b objstore.Bucket, tenant string, request ulid.ULID) ([]ulid.ULID, error) {
	var ids []ulid.ULID
	err := b.List(ctx, stepFolder(tenant, request), func(i objstore.Info) error {
		text, ok := strings.CutSuffix(strings.TrimPrefix(i.Name, stepFolder(tenant, request)), stepSuffix)
		if id, err := ulid.ParseStrict(text); ok && err == nil {
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}

// RemoveStep takes away what was written about a segment.
func RemoveStep(ctx context.Context, b objstore.Bucket, tenant string, request, segment ulid.ULID) error {
	return b.Delete(ctx, StepName(tenant, request, segment))
}

// ReadStep returns what was written about a segment.
func ReadStep(ctx context.Context, b objstore.Bucket, tenant string, request, segment ulid.ULID) (*Step, error) {
	name := StepName(tenant, request, segment)
	data, err := objstore.ReadAll(ctx, b, name, maxObject)
	if err != nil {
		return nil, err
	}
	s, err := decodeStep(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, err, scan.ErrDamaged)
	}
	return s, nil
}

func decodeStep(data []byte) (*Step, error) {
	body, err := encbuf.Unframe(stepMagic, version, data)
	if err != nil {
		return nil, err
	}
	s := &Step{}
	return s, json.Unmarshal(body, s)
}

// PutReceipt writes a receipt.
func PutReceipt(ctx context.Context, b objstore.Bucket, r *Receipt) error {
	object, err := r.encode()
	if err != nil {
		return err
	}
	return b.Put(ctx, receiptName(r.Request.Tenant, r.Request.ID), bytes.NewReader(object), int64(len(object)))
}

func (r *Receipt) encode() ([]byte, error) {
	d := &r.Request
	j := receiptJSON{
		ID: d.ID, Tenant: d.Tenant, Query: d.Query, Mint: d.Interval.Mint, Maxt: d.Interval.Maxt,
		Created: d.Created.UnixNano(), Covers: []coverJSON{}, Finished: r.Finished.UnixNano(), Steps: r.Steps, Left: r.Left, Lost: r.Lost,
	}
	for _, g := range d.Covers {
		j.Covers = append(j.Covers, coverJSON{g.Ingester, g.ID})
	}
	body, err := json.MarshalIndent(j, "", " ")
	if err != nil {
		return nil, err
	}
	return encbuf.Frame(receiptMagic, version, append(body, '\n')), nil
}

func decodeReceipt(data []byte) (*Receipt, error) {
	body, err := encbuf.Unframe(receiptMagic, version, data)
	if err != nil {
		return nil, err
	}
	var j receiptJSON
	if err := json.Unmarshal(body, &j); err != nil {
		return nil, err
	}
	r := &Receipt{
		Request: catalog.Delete{
			ID: j.ID, Tenant: j.Tenant, Query: j.Query,
			Interval: model.Interval{Mint: j.Mint, Maxt: j.Maxt}, Created: time.Unix(0, j.Created).UTC(),
		},
		Finished: time.Unix(0, j.Finished).UTC(),
		Steps:    j.Steps,
		Left:     j.Left,
		Lost:     j.Lost,
	}
	for _, c := range j.Covers {
		r.Request.Covers = append(r.Request.Covers, scan.Generation{Ingester: c.Ingester, ID: c.Generation})
	}
	return r, nil
}

// ReadReceipt returns the receipt of a request. One that is not there is an error
// that wraps [objstore.ErrNotFound]; one that cannot be read wraps [scan.ErrDamaged].
func ReadReceipt(ctx context.Context, b objstore.Bucket, tenant string, request ulid.ULID) (*Receipt, error) {
	name := receiptName(tenant, request)
	data, err := objstore.ReadAll(ctx, b, name, maxObject)
	if err != nil {
		return nil, err
	}
	r, err := decodeReceipt(data)
	if err == nil && (r.Request.ID != request || r.Request.Tenant != tenant) {
		err = fmt.Errorf("is the receipt of request %s of tenant %q", r.Request.ID, r.Request.Tenant)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, err, scan.ErrDamaged)
	}
	return r, nil
}

// Receipts returns the ids of the requests of a tenant that are done, sorted.
func Receipts(ctx context.Context, b objstore.Bucket, tenant string) ([]ulid.ULID, error) {
	var ids []ulid.ULID
	err := b.List(ctx, folderOf(tenant), func(i objstore.Info) error {
		text, ok := strings.CutSuffix(strings.TrimPrefix(i.Name, folderOf(tenant)), receiptSuffix)
		if id, err := ulid.ParseStrict(text); ok && err == nil {
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}

// Tenants returns those of whom there are receipts, sorted.
func Tenants(ctx context.Context, b objstore.Bucket) ([]string, error) {
	var names []string
	err := b.List(ctx, root, func(i objstore.Info) error {
		folder, _, _ := strings.Cut(strings.TrimPrefix(i.Name, root), "/")
		if name, err := objstore.DecodeTenant(folder); err == nil && strings.HasSuffix(i.Name, receiptSuffix) {
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return slices.Compact(names), err
}

// Tidy removes the steps of requests that do not count any more: they are in a
// receipt, or their request was cancelled.
func Tidy(ctx context.Context, b objstore.Bucket, counts func(tenant string, request ulid.ULID) bool) error {
	var left []string
	err := b.List(ctx, root, func(i objstore.Info) error {
		parts := strings.Split(strings.TrimPrefix(i.Name, root), "/")
		if len(parts) != 3 || !strings.HasSuffix(i.Name, stepSuffix) {
			return nil
		}
		tenant, err := objstore.DecodeTenant(parts[0])
		request, idErr := ulid.ParseStrict(parts[1])
		if err == nil && idErr == nil && !counts(tenant, request) {
			left = append(left, i.Name)
		}
		return nil
	})
	for _, name := range left {
		if err == nil {
			err = b.Delete(ctx, name)
		}
	}
	if err != nil {
		return fmt.Errorf("remove steps of delete requests that are over: %w", err)
	}
	return nil
}

// SumObject returns the SHA-256 of an object, in hex.
func SumObject(ctx context.Context, b objstore.Bucket, name string) (string, error) {
	r, err := b.Get(ctx, name)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
