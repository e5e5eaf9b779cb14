package logcli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/loghttp"
)

// printMetric prints a vector, matrix or scalar as JSON.
func (c *cli) printMetric(r loghttp.Result) error {
	text, err := metricJSON(r)
	if err != nil {
		return err
	}
	if c.terminal {
		text = append(text, '\n')
	}
	return c.write(text)
}

// A metricPoint is a pair of seconds and value.
type metricPoint [2]any

// metricJSON is a result as indented JSON.
func metricJSON(r loghttp.Result) ([]byte, error) {
	var value any
	switch r := r.(type) {
	case loghttp.Scalar:
		value = pointOf(loghttp.Point(r))
	case loghttp.Vector:
		type sample struct {
			Metric map[string]string `json:"metric"`
			Value  metricPoint       `json:"value"`
		}
		out := []sample{}
		for _, s := range r {
			out = append(out, sample{mapOf(s.Metric), pointOf(s.Point)})
		}
		value = out
	case loghttp.Matrix:
		type series struct {
			Metric map[string]string `json:"metric"`
			Values []metricPoint     `json:"values"`
		}
		out := []series{}
		for _, s := range r {
			points := make([]metricPoint, len(s.Points))
			for i, p := range s.Points {
				points[i] = pointOf(p)
			}
			out = append(out, series{mapOf(s.Metric), points})
		}
		value = out
	default:
		return nil, fmt.Errorf("the answer is of an unknown type, %s", r.Type())
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func mapOf(ls labels.Labels) map[string]string {
	if ls.IsEmpty() {
		return map[string]string{}
	}
	return ls.Map()
}

func pointOf(p loghttp.Point) metricPoint {
	return metricPoint{
		json.Number(strconv.FormatFloat(float64(p.T)/1000, 'f', -1, 64)),
		strconv.FormatFloat(p.F, 'f', -1, 64),
	}
}
