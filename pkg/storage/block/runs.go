package block

// Runs are how many digits, hex digits and bytes of words follow each other at
// most in the values of a column; 255 is that many or more. A needle is mostly
// one word, or a piece of one, and long: an id is not in texts whose words are
// short, whatever characters they are of.
type runs [3]uint8

// runClasses are the bytes that each of the runs is of.
var runClasses = [3]uint8{isDigit, isDigit | isHex, isWord}

// add takes a value into account.
func (r *runs) add(value []byte) {
	var n, most [3]int
	for _, b := range value {
		class := classes[b]
		for i, of := range runClasses {
			if n[i]++; class&of == 0 {
				n[i] = 0
			}
			most[i] = max(most[i], n[i])
		}
	}
	for i := range r {
		r[i] = max(r[i], uint8(min(most[i], 255)))
	}
}

// lacks reports whether text has a longer run than the values have. Of a column
// without runs nothing is known.
func (r *runs) lacks(text string) bool {
	if r == nil {
		return false
	}
	var n [3]int
	for i := range len(text) {
		class := classes[text[i]]
		for k, of := range runClasses {
			if n[k]++; class&of == 0 {
				n[k] = 0
			}
			if n[k] > int(r[k]) && r[k] < 255 {
				return true
			}
		}
	}
	return false
}
