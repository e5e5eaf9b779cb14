package loghttp

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logproto"
)

// DecodeResponse reads the body of an answer to /query or /query_range. An
// error wraps [ErrMalformed].
func DecodeResponse(body []byte) (*Response, error) {
	var envelope struct {
		Status   string   `json:"status"`
		Warnings []string `json:"warnings"`
		Data     struct {
			ResultType    string          `json:"resultType"`
			EncodingFlags []string        `json:"encodingFlags"`
			Result        json.RawMessage `json:"result"`
			Stats         Stats           `json:"stats"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, malformedf("answer: %v", err)
	}
	r := &Response{Warnings: envelope.Warnings, Stats: envelope.Data.Stats}
	for _, flag := range envelope.Data.EncodingFlags {
		r.Categorized = r.Categorized || flag == CategorizeLabels
	}
	d := resultDecoder{r: jsonReader{buf: bytes.Clone(envelope.Data.Result)}}
	switch envelope.Data.ResultType {
	case Streams(nil).Type():
		r.Result = d.streams()
	case Vector(nil).Type():
		r.Result = d.vector()
	case Matrix(nil).Type():
		r.Result = d.matrix()
	case Scalar{}.Type():
		r.Result = Scalar(d.point())
	default:
		return nil, malformedf("answer: unknown result type %.40q", envelope.Data.ResultType)
	}
	d.r.end()
	if d.r.err != nil {
		return nil, d.r.err
	}
	return r, nil
}

// DecodeLabelNames reads the answer to /labels or /label/{name}/values.
func DecodeLabelNames(body []byte) ([]string, error) {
	var answer struct {
		Data []string `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, malformedf("answer: %v", err)
	}
	return answer.Data, nil
}

// DecodeSeries reads the answer to /series.
func DecodeSeries(body []byte) ([]labels.Labels, error) {
	var answer struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, malformedf("answer: %v", err)
	}
	if len(answer.Data) == 0 {
		return nil, nil
	}
	var series []labels.Labels
	d := resultDecoder{r: jsonReader{buf: answer.Data}}
	for d.r.open('[', "an array of label sets"); d.r.more(']'); {
		series = append(series, d.labels())
	}
	return series, d.r.err
}

// A resultDecoder reads the parts of results. Strings it returns point into its buffer.
type resultDecoder struct {
	r     jsonReader
	build labels.ScratchBuilder
}

func (d *resultDecoder) labels() labels.Labels {
	r := &d.r
	d.build.Reset()
	size := 0
	for r.open('{', "an object of labels"); r.more('}'); {
		at := r.pos
		name := string(r.key())
		value := r.text("a label value in quotes")
		if size += len(name) + len(value); size >= logproto.MaxLabelsBytes {
			r.fail(at, "labels of more than %d bytes", logproto.MaxLabelsBytes)
			return labels.EmptyLabels()
		}
		d.build.Add(name, value)
	}
	d.build.Sort()
	return d.build.Labels()
}

func (d *resultDecoder) streams() Streams {
	r := &d.r
	streams := Streams{}
	for r.open('[', "an array of streams"); r.more(']'); {
		var s Stream
		for r.open('{', "a stream"); r.more('}'); {
			switch string(r.key()) {
			case "stream":
				s.Labels = d.labels()
			case "values":
				for r.open('[', "an array of entries"); r.more(']'); {
					s.Entries = append(s.Entries, d.entry())
				}
			default:
				r.skip()
			}
		}
		streams = append(streams, s)
	}
	return streams
}

func (d *resultDecoder) entry() (e Entry) {
	r := &d.r
	n := 0
	for r.open('[', "an entry"); r.more(']'); n++ {
		switch n {
		case 0:
			at := r.pos
			ts, err := strconv.ParseInt(r.text("a timestamp in quotes"), 10, 64)
			if err != nil {
				r.fail(at, "a timestamp that is no count of nanoseconds")
			}
			e.Timestamp = ts
		case 1:
			e.Line = r.text("a line in quotes")
		case 2:
			for r.open('{', "an object of labels by category"); r.more('}'); {
				switch string(r.key()) {
				case "structuredMetadata":
					e.Structured = d.labels()
				case "parsed":
					e.Parsed = d.labels()
				default:
					r.skip()
				}
			}
		default:
			r.skip()
		}
	}
	if n < 2 {
		r.fail(r.pos, "an entry without timestamp and line")
	}
	return e
}

func (d *resultDecoder) vector() Vector {
	r := &d.r
	v := Vector{}
	for r.open('[', "an array of samples"); r.more(']'); {
		var s Sample
		for r.open('{', "a sample"); r.more('}'); {
			switch string(r.key()) {
			case "metric":
				s.Metric = d.labels()
			case "value":
				s.Point = d.point()
			default:
				r.skip()
			}
		}
		v = append(v, s)
	}
	return v
}

func (d *resultDecoder) matrix() Matrix {
	r := &d.r
	m := Matrix{}
	for r.open('[', "an array of series"); r.more(']'); {
		var s Series
		for r.open('{', "a series"); r.more('}'); {
			switch string(r.key()) {
			case "metric":
				s.Metric = d.labels()
			case "values":
				for r.open('[', "an array of points"); r.more(']'); {
					s.Points = append(s.Points, d.point())
				}
			default:
				r.skip()
			}
		}
		m = append(m, s)
	}
	return m
}

// point reads [seconds, "value"].
func (d *resultDecoder) point() Point {
	r := &d.r
	var (
		t, v float64
		err  error
	)
	r.open('[', "a point")
	at := r.pos
	n := 0
	for ; r.more(']'); n++ {
		switch n {
		case 0:
			t, err = strconv.ParseFloat(string(r.literal()), 64)
		case 1:
			v, err = strconv.ParseFloat(r.text("a value in quotes"), 64)
		default:
			r.skip()
		}
		if err != nil {
			r.fail(at, "a point that is no time and number")
		}
	}
	if ms := math.Round(t * 1000); n >= 2 && math.Abs(ms) < 1<<62 {
		return Point{T: int64(ms), F: v}
	}
	r.fail(at, "a point that is no time and number")
	return Point{}
}
