package rpc

import (
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// maxPredicateDepth is how deep predicates may lie in each other.
const maxPredicateDepth = 1000

func encodeFields(f *scan.Fields) *logproto.Fields {
	if f == nil {
		return nil
	}
	out := &logproto.Fields{Parser: uint32(f.Parser), All: f.All, Expr: model.BorrowBytes(f.Expr), Strict: f.Strict, KeepEmpty: f.KeepEmpty}
	for _, x := range f.Extractions {
		out.Extractions = append(out.Extractions, &logproto.Extraction{Label: model.BorrowBytes(x.Label), Path: model.BorrowBytes(x.Path)})
	}
	for _, p := range f.Parts {
		out.Parts = append(out.Parts, &logproto.PatternPart{Capture: p.Capture, Text: model.BorrowBytes(p.Text)})
	}
	for _, w := range f.Fields {
		out.Fields = append(out.Fields, &logproto.Field{Name: model.BorrowBytes(w.Name), Metadata: w.Metadata})
	}
	if f.Where != nil {
		out.Where = encodePredicate(f.Where)
	}
	for _, v := range f.Vectors {
		out.Vectors = append(out.Vectors, &logproto.VectorWant{Field: int32(v.Field), As: uint32(v.As)})
	}
	return out
}

func encodePredicate(p *scan.Predicate) *logproto.Predicate {
	out := &logproto.Predicate{Op: uint32(p.Op), Field: uint32(p.Field), Compare: uint32(p.Compare), Value: p.Value}
	for i := range p.Subs {
		out.Subs = append(out.Subs, encodePredicate(&p.Subs[i]))
	}
	if p.Matcher != nil {
		out.Matcher = encodeMatchers([]*labels.Matcher{p.Matcher})[0]
	}
	return out
}

func decodeFields(f *logproto.Fields) (*scan.Fields, error) {
	if f == nil {
		return nil, nil
	}
	if f.GetParser() > 255 || !scan.Parser(f.GetParser()).Valid() {
		return nil, malformedf("parser %d is not known", f.GetParser())
	}
	out := &scan.Fields{Parser: scan.Parser(f.GetParser()), All: f.GetAll(), Expr: string(f.GetExpr()), Strict: f.GetStrict(), KeepEmpty: f.GetKeepEmpty()}
	for _, x := range f.GetExtractions() {
		out.Extractions = append(out.Extractions, scan.Extraction{Label: string(x.GetLabel()), Path: string(x.GetPath())})
	}
	for _, p := range f.GetParts() {
		out.Parts = append(out.Parts, extract.PatternPart{Capture: p.GetCapture(), Text: string(p.GetText())})
	}
	for _, w := range f.GetFields() {
		out.Fields = append(out.Fields, scan.Field{Name: string(w.GetName()), Metadata: w.GetMetadata()})
	}
	if f.Where != nil {
		p, err := decodePredicate(f.GetWhere(), len(out.Fields), 0)
		if err != nil {
			return nil, err
		}
		out.Where = &p
	}
	for i, v := range f.GetVectors() {
		as := v.GetAs()
		if v.GetField() < scan.AllMetadata || v.GetField() == scan.AllMetadata && as != uint32(scan.Text) || int(v.GetField()) >= len(out.Fields) || as < uint32(scan.Text) || as > uint32(scan.Bytes) {
			return nil, malformedf("vector %d is field %d of %d as %d", i, v.GetField(), len(out.Fields), as)
		}
		out.Vectors = append(out.Vectors, scan.VectorWant{Field: int(v.GetField()), As: scan.PredicateOp(as)})
	}
	return out, nil
}

func decodePredicate(p *logproto.Predicate, fields, depth int) (scan.Predicate, error) {
	op, compare := p.GetOp(), p.GetCompare()
	joins := op == uint32(scan.And) || op == uint32(scan.Or)
	switch {
	case depth > maxPredicateDepth:
		return scan.Predicate{}, malformedf("predicates lie more than %d deep in each other", maxPredicateDepth)
	case op > uint32(scan.Address) || compare > uint32(scan.LessOrEqual):
		return scan.Predicate{}, malformedf("a predicate of kind %d that compares in way %d", op, compare)
	case !joins && uint64(p.GetField()) >= uint64(fields):
		return scan.Predicate{}, malformedf("a predicate about field %d of %d", p.GetField(), fields)
	case (op == uint32(scan.Text) || op == uint32(scan.Address)) != (p.Matcher != nil):
		return scan.Predicate{}, malformedf("a predicate of kind %d with a matcher, or without one", op)
	}
	out := scan.Predicate{Op: scan.PredicateOp(op), Field: int(p.GetField()), Compare: scan.Compare(compare), Value: p.GetValue()}
	for _, s := range p.GetSubs() {
		sub, err := decodePredicate(s, fields, depth+1)
		if err != nil {
			return scan.Predicate{}, err
		}
		out.Subs = append(out.Subs, sub)
	}
	if p.Matcher != nil {
		m, err := decodeMatchers([]*logproto.Matcher{p.GetMatcher()})
		if err != nil {
			return scan.Predicate{}, err
		}
		out.Matcher = m[0]
	}
	return out, nil
}

func encodeAnswer(a *scan.Answer) *logproto.Answer {
	out := &logproto.Answer{}
	if a.Unsure != nil {
		out.Unsure = encodeBitset(a.Unsure)
	}
	for i := range a.Vectors {
		v := &a.Vectors[i]
		w := &logproto.Vector{Codes: v.Codes, Numbers: v.Numbers}
		for _, s := range v.Values {
			w.Values = append(w.Values, s...)
			w.ValueLengths = append(w.ValueLengths, uint32(len(s)))
		}
		if v.Absent != nil {
			w.Absent = encodeBitset(v.Absent)
		}
		out.Vectors = append(out.Vectors, w)
	}
	return out
}

// decodeAnswer reads what is known of the fields of some rows.
func decodeAnswer(a *logproto.Answer, rows int) (*scan.Answer, error) {
	out := &scan.Answer{}
	var err error
	if a.Unsure != nil {
		if out.Unsure, err = decodeBitset(a.GetUnsure(), rows); err != nil {
			return nil, err
		}
	}
	for i, v := range a.GetVectors() {
		w := scan.Vector{Codes: v.GetCodes(), Numbers: v.GetNumbers()}
		if len(w.Codes) > 0 && len(w.Codes) != rows || len(w.Numbers) > 0 && len(w.Numbers) != rows {
			return nil, malformedf("vector %d has %d codes and %d numbers of %d rows", i, len(w.Codes), len(w.Numbers), rows)
		}
		c := cutter{rest: model.Borrow(v.GetValues())}
		for _, n := range v.GetValueLengths() {
			w.Values = append(w.Values, c.take(n))
		}
		if !c.exact() {
			return nil, malformedf("%d bytes of values are not the sum of their lengths", len(v.GetValues()))
		}
		for _, code := range w.Codes {
			if uint64(code) >= uint64(len(w.Values)) {
				return nil, malformedf("value %d of %d", code, len(w.Values))
			}
		}
		if v.Absent != nil {
			if w.Absent, err = decodeBitset(v.GetAbsent(), rows); err != nil {
				return nil, err
			}
		}
		out.Vectors = append(out.Vectors, w)
	}
	return out, nil
}
