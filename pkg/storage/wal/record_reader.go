package wal

import (
	"errors"
	"fmt"
	"io"
)

// Damage is a place in the log that cannot be read, with readable ones behind it.
type Damage struct {
	File   string // its name within the folder
	Offset int64  // in bytes
	Length int64  // in bytes, up to where reading went on; 0 where a file is missing
	Reason string
}

func (d Damage) String() string {
	return fmt.Sprintf("%s at offset %d: %d bytes lost: %s", d.File, d.Offset, d.Length, d.Reason)
}

// A recordReader puts the records of one file together, and sorts what cannot be
// read into damage and a torn tail.
type recordReader struct {
	frames frameReader
	limit  int64 // no record is longer
	name   string
	damage func(Damage)

	parts    []byte // of a record in several frames
	partial  int64  // where that record begins, or -1
	bad      int64  // where the unreadable place begins that we are in, or -1
	reason   string // why it is unreadable
	followed bool   // an intact frame came after bad
	torn     int64  // where the torn tail begins, or -1; known at the end
	end      int64  // bytes read; known at the end
}

// open begins to read a file. Damage that is met goes to damage.
func (r *recordReader) open(src io.Reader, name string, generation uint64, file uint32, damage func(Damage)) error {
	r.frames.reset(src, frameSeed(generation, file))
	r.name, r.damage = name, damage
	r.parts = r.parts[:0]
	r.partial, r.bad, r.torn, r.followed = -1, -1, -1, false
	wrong, err := r.frames.header(generation, file)
	switch {
	case errors.Is(err, errForeign):
		damage(Damage{File: name, Reason: wrong})
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case wrong != "":
		r.lose(0, wrong)
	}
	return nil
}

// lose notes that what begins at off cannot be used.
func (r *recordReader) lose(off int64, reason string) {
	if r.partial >= 0 {
		off = r.partial
		r.partial = -1
	}
	if r.bad < 0 {
		r.bad, r.reason = off, reason
	}
}

// settle reports the place that was lost, which ends at off.
func (r *recordReader) settle(off int64) {
	if r.bad >= 0 {
		r.damage(Damage{File: r.name, Offset: r.bad, Length: off - r.bad, Reason: r.reason})
		r.bad, r.followed = -1, false
	}
}

// next returns the next record and its offset. The record is valid until the
// following call. At the end of the file the error is io.EOF.
func (r *recordReader) next() (record []byte, off int64, err error) {
	for {
		f, bad, err := r.frames.next()
		if bad >= 0 {
			r.lose(bad, "no intact frame")
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				r.finish()
				return nil, 0, io.EOF
			}
			return nil, 0, fmt.Errorf("%s: %w", r.name, err)
		}
		r.followed = r.followed || r.bad >= 0

		switch f.typ {
		case fullFrame, firstFrame, endFrame:
			if r.partial >= 0 {
				r.lose(f.off, "record without its end")
			}
			r.settle(f.off)
			if f.typ == fullFrame {
				return f.bytes, f.off, nil
			}
			if f.typ == firstFrame {
				r.partial = f.off
				r.parts = append(r.parts[:0], f.bytes...)
			}
		case middleFrame, lastFrame:
			switch {
			case r.partial < 0:
				r.lose(f.off, "part of a record without its start")
				r.followed = true
			case int64(len(r.parts)+len(f.bytes)) > r.limit:
				r.lose(f.off, fmt.Sprintf("record of more than %d bytes", r.limit))
				r.followed = true
			default:
				r.parts = append(r.parts, f.bytes...)
				if f.typ == lastFrame {
					off := r.partial
					r.partial = -1
					return r.parts, off, nil
				}
			}
		}
	}
}

// finish tells a torn tail from damage.
func (r *recordReader) finish() {
	r.end = r.frames.start + int64(r.frames.n)
	switch {
	case r.followed:
		r.settle(r.end)
	case r.bad >= 0:
		r.torn = r.bad
	case r.partial >= 0:
		r.torn = r.partial
	}
}
