package block

import "github.com/klauspost/compress/zstd"

// newZstdEncoder returns the one kind of encoder that blocks use. The fastest
// level loses 1 to 3 % to slower ones. Literals are entropy-coded even where
// nothing matches: columns of ids have only literals. Our own CRC covers the
// frame, so its own is left out.
func newZstdEncoder() *zstd.Encoder {
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1),
		zstd.WithAllLitEntropyCompression(true),
		zstd.WithEncoderCRC(false))
	if err != nil {
		panic(err) // only for options out of range
	}
	return e
}

// zstdDecoder serves all goroutines, as many at a time as there are processors.
// It is not made on demand: what is in it would belong to whoever came first.
var zstdDecoder = func() *zstd.Decoder {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(0),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxWindow(2*MaxRowBytes))
	if err != nil {
		panic(err) // only for options out of range
	}
	return d
}()

// appendDecompressed appends the raw bytes of a frame to dst. The caller has
// checked raw against its limit; no more than that is allocated.
func appendDecompressed(dst, frame []byte, raw int) ([]byte, error) {
	limit := len(dst) + raw
	if cap(dst) < limit {
		grown := make([]byte, len(dst), limit)
		copy(grown, dst)
		dst = grown
	}
	out, err := zstdDecoder.DecodeAll(frame, dst[:len(dst):limit])
	if err != nil {
		return dst, damagedf("zstd frame: %v", err)
	}
	if len(out) != limit {
		return dst, damagedf("zstd frame of %d bytes, want %d", len(out)-len(dst), raw)
	}
	return out, nil
}
