package scan

import (
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
)

func FuzzReadMetadata(f *testing.F) {
	f.Add("")
	f.Add(string(AppendMetadata(nil, model.Metadata{{Name: "detected_level", Value: "info"}, {Name: "k", Value: ""}})))
	f.Add("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x")
	f.Fuzz(func(t *testing.T, text string) {
		md, ok := ReadMetadata(text)
		if !ok {
			return
		}
		again, ok := ReadMetadata(string(AppendMetadata(nil, md)))
		if !ok || !labels.Equal(labels.New(md...), labels.New(again...)) || len(md) != len(again) {
			t.Errorf("%q is %v, and then %v", text, md, again)
		}
	})
}
