package rpc

import (
	"fmt"
	"math"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// allColumns are the columns that this version knows.
const allColumns = scan.Lines | scan.Metadata | scan.Sizes | scan.LinesToFilter

func malformedf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), logproto.ErrMalformed)
}

func encodeInterval(iv model.Interval) *logproto.Interval {
	return &logproto.Interval{Mint: iv.Mint, Maxt: iv.Maxt}
}

// decodeInterval takes an empty interval as it is: nothing lies in it.
func decodeInterval(iv *logproto.Interval) (model.Interval, error) {
	if iv == nil {
		return model.Interval{}, malformedf("there is no interval")
	}
	return model.Interval{Mint: iv.GetMint(), Maxt: iv.GetMaxt()}, nil
}

func encodeMatchers(ms []*labels.Matcher) []*logproto.Matcher {
	out := make([]*logproto.Matcher, len(ms))
	for i, m := range ms {
		out[i] = &logproto.Matcher{
			Type:  logproto.Matcher_Type(m.Type),
			Name:  model.BorrowBytes(m.Name),
			Value: model.BorrowBytes(m.Value),
		}
	}
	return out
}

func decodeMatchers(ms []*logproto.Matcher) ([]*labels.Matcher, error) {
	out := make([]*labels.Matcher, len(ms))
	for i, m := range ms {
		t := m.GetType()
		if t < 0 || t > logproto.Matcher_TYPE_NOT_REGEXP {
			return nil, malformedf("matcher %d is of type %d", i, t)
		}
		var err error
		if out[i], err = labels.NewMatcher(labels.MatchType(t), string(m.GetName()), string(m.GetValue())); err != nil {
			return nil, malformedf("matcher %d: %v", i, err)
		}
	}
	return out, nil
}

func encodeRequest(req *scan.Request) *logproto.ScanRequest {
	out := &logproto.ScanRequest{
		Matchers: encodeMatchers(req.Matchers),
		Interval: encodeInterval(req.Interval),
		Filters:  make([]*logproto.LineFilter, len(req.Filters)),
	}
	for i, f := range req.Filters {
		out.Filters[i] = &logproto.LineFilter{Op: logproto.LineFilter_Op(f.Op), Text: model.BorrowBytes(f.Text)}
	}
	return out
}

func decodeRequest(tenant string, req *logproto.ScanRequest) (*scan.Request, error) {
	out, err := selection(tenant, req.GetMatchers(), req.GetInterval())
	if err != nil {
		return nil, err
	}
	for i, f := range req.GetFilters() {
		op := f.GetOp()
		if op < 0 || op > logproto.LineFilter_OP_REJECTS {
			return nil, malformedf("line filter %d is of kind %d", i, op)
		}
		out.Filters = append(out.Filters, scan.LineFilter{Op: scan.FilterOp(op), Text: string(f.GetText())})
	}
	return out, nil
}

// encodeRead is the command to read a block; the reply has the same id.
func encodeRead(id uint64, block int, want scan.Want) *logproto.ReadCommand {
	return &logproto.ReadCommand{
		Id: id, Block: uint32(block), Columns: uint32(want.Columns), Interval: encodeInterval(want.Interval),
		Fields: encodeFields(want.Fields), Limit: uint32(min(uint64(max(want.Limit, 0)), math.MaxUint32)), Oldest: want.Oldest,
	}
}

// decodeRead returns what a command wants of a directory with as many blocks.
func decodeRead(c *logproto.ReadCommand, blocks int) (block int, want scan.Want, err error) {
	if uint64(c.GetBlock()) >= uint64(blocks) {
		return 0, scan.Want{}, malformedf("block %d is not one of %d", c.GetBlock(), blocks)
	}
	columns := c.GetColumns()
	if columns&^uint32(allColumns) != 0 {
		return 0, scan.Want{}, malformedf("columns %b are not known", columns)
	}
	want = scan.Want{Columns: scan.Columns(columns), Limit: int(c.GetLimit()), Oldest: c.GetOldest()}
	if want.Interval, err = decodeInterval(c.GetInterval()); err == nil {
		want.Fields, err = decodeFields(c.GetFields())
	}
	return int(c.GetBlock()), want, err
}

// encodeSelect is the part of a request that says which streams are meant. The
// name is that of the label whose values are asked for, if any.
func encodeSelect(req *scan.Request, name string) *logproto.SelectRequest {
	return &logproto.SelectRequest{
		Matchers: encodeMatchers(req.Matchers),
		Interval: encodeInterval(req.Interval),
		Name:     name,
	}
}

func decodeSelect(tenant string, req *logproto.SelectRequest) (*scan.Request, error) {
	return selection(tenant, req.GetMatchers(), req.GetInterval())
}

func selection(tenant string, matchers []*logproto.Matcher, interval *logproto.Interval) (*scan.Request, error) {
	ms, err := decodeMatchers(matchers)
	if err != nil {
		return nil, err
	}
	iv, err := decodeInterval(interval)
	if err != nil {
		return nil, err
	}
	return &scan.Request{Tenant: tenant, Matchers: ms, Interval: iv}, nil
}
