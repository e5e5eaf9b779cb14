package bench

import "strconv"

// hdfsDaemon are lines in the manner of a Hadoop file system: blocks come back
// from line to line.
var hdfsDaemon = family{name: "hdfs", mean: 131, line: hdfsLine}

func hdfsLine(s *slice, src *source) {
	s.time("060102 150405 ")
	s.num(10 + s.rnd.IntN(4000))
	i := s.rnd.IntN(len(s.blocks))
	block := func() {
		s.text("blk_")
		s.buf = strconv.AppendInt(s.buf, s.blocks[i], 10)
	}
	endpoint := func(port string) {
		s.text(s.often(s.g.vocab.hosts))
		s.text(port)
	}
	if src.app.name == "namenode" {
		if s.chance(0.3) {
			s.blocks[i] = int64(s.rnd.Uint64())
			s.text(" INFO dfs.FSNamesystem: BLOCK* NameSystem.allocateBlock: /user/jobs/task_")
			s.time("200601021504")
			s.text("_m_")
			s.padded(s.rnd.IntN(2000), 6)
			s.text("/part-")
			s.padded(s.few(2000), 5)
			s.text(". ")
			block()
			return
		}
		s.text(" INFO dfs.FSNamesystem: BLOCK* NameSystem.addStoredBlock: blockMap updated: ")
		endpoint(":50010")
		s.text(" is added to ")
		block()
		s.text(" size ")
		s.num(s.size())
		return
	}
	switch s.rnd.IntN(8) {
	case 0, 1:
		s.blocks[i] = int64(s.rnd.Uint64())
		s.text(" INFO dfs.DataNode$DataXceiver: Receiving block ")
		block()
		s.text(" src: /")
		endpoint(":")
		s.num(32768 + s.rnd.IntN(28_000))
		s.text(" dest: /")
		endpoint(":50010")
	case 2, 3:
		s.text(" INFO dfs.DataNode$PacketResponder: PacketResponder ")
		s.num(s.rnd.IntN(3))
		s.text(" for block ")
		block()
		s.text(" terminating")
	case 4, 5:
		s.text(" INFO dfs.DataNode$PacketResponder: Received block ")
		block()
		s.text(" of size ")
		s.num(s.size())
		s.text(" from /")
		endpoint("")
	case 6:
		s.text(" INFO dfs.DataBlockScanner: Verification succeeded for ")
		block()
	case 7:
		if s.chance(0.05) {
			s.text(" WARN dfs.DataNode$DataXceiver: writeBlock ")
			block()
			s.text(" received exception java.io.IOException: Broken pipe")
			return
		}
		s.text(" INFO dfs.DataNode$DataXceiver: ")
		endpoint(":50010")
		s.text(" Served block ")
		block()
		s.text(" to /")
		endpoint("")
	}
}

// size is that of a block: most are full.
func (s *slice) size() int {
	if s.chance(0.7) {
		return 64 << 20
	}
	return 1 + s.rnd.IntN(64<<20)
}
