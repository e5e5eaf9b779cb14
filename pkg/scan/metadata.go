package scan

import (
	"encoding/binary"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
)

// AllMetadata as the field of a [VectorWant] wants all structured metadata of each row
// as one text, as [AppendMetadata] writes it. The text of a row without is empty.
const AllMetadata = -2

// AppendMetadata appends metadata as a text that tells it from all other metadata.
func AppendMetadata(dst []byte, md model.Metadata) []byte {
	for _, l := range md {
		dst = binary.AppendUvarint(dst, uint64(len(l.Name)))
		dst = append(dst, l.Name...)
		dst = binary.AppendUvarint(dst, uint64(len(l.Value)))
		dst = append(dst, l.Value...)
	}
	return dst
}

// ReadMetadata reads what AppendMetadata wrote; ok is false for any other text. The
// metadata borrows from the text.
func ReadMetadata(text string) (md model.Metadata, ok bool) {
	cut := func() (s string) {
		n, size := binary.Uvarint(model.BorrowBytes(text))
		if ok = size > 0 && n <= uint64(len(text)-size); ok {
			s, text = text[size:size+int(n)], text[size+int(n):]
		}
		return s
	}
	for text != "" {
		name := cut()
		if !ok {
			return nil, false
		}
		value := cut()
		if !ok {
			return nil, false
		}
		md = append(md, labels.Label{Name: name, Value: value})
	}
	return md, true
}
