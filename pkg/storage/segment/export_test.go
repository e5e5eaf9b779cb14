package segment

// CompressIndex lets tests forge an index.
var CompressIndex = compressIndex

// RawIndex returns the index of a segment, decompressed.
func RawIndex(data []byte) ([]byte, error) {
	t, err := readTrailer(data[len(data)-trailerLen:], int64(len(data)))
	if err != nil {
		return nil, err
	}
	return decompressIndex(data[t.off:][:t.len])
}
