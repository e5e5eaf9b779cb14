package pagecache

import (
	"encoding/binary"
	"errors"
	"sync"

	"github.com/skaldlogs/skald/pkg/encbuf"
)

// PageBytes is how large a page is; the last one of an object may be smaller.
const PageBytes = 128 << 10

// A Page is a part of an object. Its bytes are shared and must not be changed.
type Page struct {
	data []byte

	mu      sync.Mutex // guards the field below
	checked map[uint32]struct{}
}

// Checked reports whether [Page.Check] was called for an offset in the page.
func (p *Page) Checked(off int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.checked[uint32(off)]
	return ok
}

// Check remembers that what begins at an offset in the page has the checksum that
// it should have, so that nobody looks again while the page is in memory.
func (p *Page) Check(off int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.checked == nil {
		p.checked = map[uint32]struct{}{}
	}
	p.checked[uint32(off)] = struct{}{}
}

// A key names a page.
type key struct {
	object string
	page   uint32
}

// The file of a page: magic, version, length of the object's name, page, length of
// the data, CRC-32C of all but itself; then the name and the data. Little-endian.
const (
	magic      = "SKPG"
	version    = 1
	headerLen  = 20
	maxNameLen = 1 << 10
)

var errForeign = errors.New("not the page that was written")

// encode returns the file of a page.
func encode(k key, data []byte) []byte {
	b := make([]byte, 0, headerLen+len(k.object)+len(data))
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, version)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(k.object)))
	b = binary.LittleEndian.AppendUint32(b, k.page)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = append(b, k.object...)
	b = append(b, data...)
	binary.LittleEndian.PutUint32(b[headerLen-4:], checksum(b))
	return b
}

// decode returns the data in the file of a page.
func decode(k key, b []byte) ([]byte, error) {
	d := encbuf.NewDecoder(b)
	m, v, nameLen, page, dataLen, crc := string(d.Bytes(4)), d.U16(), d.U16(), d.U32(), d.U32(), d.U32()
	name := d.Bytes(int(nameLen))
	data := d.Rest()
	if d.Err() != nil || m != magic || v != version || page != k.page || string(name) != k.object ||
		uint64(len(data)) != uint64(dataLen) || checksum(b) != crc {
		return nil, errForeign
	}
	return data, nil
}

// checksum covers a file but for the checksum in it.
func checksum(b []byte) uint32 {
	return encbuf.UpdateChecksum(encbuf.Checksum(b[:headerLen-4]), b[headerLen:])
}
