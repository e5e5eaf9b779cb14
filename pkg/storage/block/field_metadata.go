package block

import (
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// metadataVector is all metadata of each row, as one text. A row is told from others by
// its shape and by which of the texts of each column it has.
func (a *fieldAsker) metadataVector() (*fieldVector, error) {
	out := &fieldVector{codes: make([]uint32, a.d.rows), values: []string{""}}
	m := a.d.meta
	if m == nil {
		return out, nil
	}
	// The texts of each column, by number, and which of them each of its values is.
	texts := make([]*coder, len(m.columns))
	values := make([][]uint32, len(m.columns))
	for i := range m.columns {
		texts[i] = &coder{values: []string{""}}
		all, of, err := a.codes(texts[i], &fieldOrigin{kind: placeSlot, column: &m.columns[i], meta: true})
		if err != nil {
			return nil, err
		}
		if values[i] = of; of == nil {
			values[i] = make([]uint32, m.columns[i].n)
			for j := range values[i] {
				values[i][j] = all
			}
		}
	}
	at := make([]int, len(m.columns))
	single := make([][]uint32, len(m.shapes)) // of shapes of one column: by its text, the code plus one
	known := map[string]uint32{}
	var key, text []byte
	var md model.Metadata
	// add makes the code of the metadata at hand.
	add := func(columns []uint16) uint32 {
		md = md[:0]
		for _, c := range columns {
			md = append(md, labels.Label{Name: m.names[c], Value: texts[c].values[values[c][at[c]]]})
		}
		if text = scan.AppendMetadata(text[:0], md); len(text) == 0 {
			return 0
		}
		out.values = append(out.values, string(text))
		return uint32(len(out.values) - 1)
	}
	err := a.eachShape(func(row int, shape uint16) {
		columns := m.shapes[shape]
		switch len(columns) {
		case 0: // none, or pairs, of which mark says that they are unsure
		case 1:
			c := columns[0]
			if single[shape] == nil {
				single[shape] = make([]uint32, len(texts[c].values))
			}
			code := &single[shape][values[c][at[c]]]
			if *code == 0 {
				*code = add(columns) + 1
			}
			out.codes[row] = *code - 1
		default:
			key = append(key[:0], byte(shape), byte(shape>>8))
			for _, c := range columns {
				v := values[c][at[c]]
				key = append(key, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
			}
			code, ok := known[string(key)]
			if !ok {
				code = add(columns)
				known[string(key)] = code
			}
			out.codes[row] = code
		}
		for _, c := range columns {
			at[c]++
		}
	})
	return out, err
}
