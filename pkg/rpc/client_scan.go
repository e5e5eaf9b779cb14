package rpc

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/scan"
)

// errClosed is why reads of a snapshot end that was closed meanwhile.
var errClosed = errors.New("snapshot is closed")

// Open implements [scan.Source]. The snapshot outlives ctx, but not its deadline.
func (c *Client) Open(ctx context.Context, req *scan.Request) (scan.Snapshot, error) {
	ctx, err := forTenant(ctx, req.Tenant)
	if err != nil {
		return nil, err
	}
	long, release := context.WithoutCancel(ctx), func() {}
	if deadline, ok := ctx.Deadline(); ok {
		long, release = context.WithDeadline(long, deadline)
	}
	long, cancel := context.WithCancelCause(long)
	end := func(why error) {
		cancel(why)
		release()
	}
	ctx, done := c.bounded(ctx)
	defer done()
	opening := context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	fail := func(err error) (scan.Snapshot, error) {
		opening()
		err = c.faults.remote(long, err)
		end(err)
		return nil, err
	}

	stream, err := c.ingester.Scan(long)
	if err != nil {
		return fail(err)
	}
	command := &logproto.ScanCommand{Command: &logproto.ScanCommand_Open{Open: encodeRequest(req)}}
	if err := stream.Send(command); err != nil && !errors.Is(err, io.EOF) {
		return fail(err) // io.EOF means that receiving says why
	}
	reply, err := stream.Recv()
	if err != nil {
		return fail(err)
	}
	dir, err := decodeDirectory(reply.GetDirectory())
	if err != nil {
		return fail(err)
	}
	if !opening() {
		return fail(context.Cause(ctx))
	}
	s := &snapshot{
		faults:  &c.faults,
		stream:  stream,
		ctx:     long,
		end:     end,
		dir:     *dir,
		filters: len(req.Filters),
		waiting: map[uint64]chan *logproto.BlockReply{},
		ended:   make(chan struct{}),
	}
	go s.receive()
	return s, nil
}

// A snapshot is one at the other end of a stream.
type snapshot struct {
	faults  *Faults
	stream  grpc.BidiStreamingClient[logproto.ScanCommand, logproto.ScanReply]
	ctx     context.Context // of the stream
	end     context.CancelCauseFunc
	dir     scan.Directory
	filters int // of the request

	sendMu sync.Mutex // held while a command is sent

	mu      sync.Mutex // guards the fields below
	lastID  uint64     // of a read
	waiting map[uint64]chan *logproto.BlockReply

	ended chan struct{} // closed when no reply will come any more
	err   error         // why; set before ended is closed
}

// receive hands replies to the reads that wait for them. A read that was given
// up still gets its own: the channels have room for it.
func (s *snapshot) receive() {
	defer close(s.ended)
	for {
		m, err := s.stream.Recv()
		if err != nil {
			s.err = s.faults.remote(s.ctx, err)
			return
		}
		reply := m.GetBlock()
		s.mu.Lock()
		answer, ok := s.waiting[reply.GetId()]
		delete(s.waiting, reply.GetId())
		s.mu.Unlock()
		if reply == nil || !ok {
			s.err = malformedf("a reply that nobody asked for")
			s.end(s.err)
			return
		}
		answer <- reply
	}
}

// Directory implements [scan.Snapshot].
func (s *snapshot) Directory() *scan.Directory { return &s.dir }

// Read implements [scan.Snapshot].
func (s *snapshot) Read(ctx context.Context, i int, want scan.Want) (*scan.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answer := make(chan *logproto.BlockReply, 1)
	if err := s.ask(i, want, answer); err != nil {
		return nil, err
	}
	select {
	case r := <-answer:
		return s.batch(r)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.ended:
	}
	select {
	case r := <-answer: // it was the last to come
		return s.batch(r)
	default:
		return nil, s.err
	}
}

// ask sends the command to read a block.
func (s *snapshot) ask(block int, want scan.Want, answer chan *logproto.BlockReply) error {
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	s.mu.Lock()
	s.lastID++
	id := s.lastID
	s.waiting[id] = answer
	s.mu.Unlock()
	err := s.stream.Send(&logproto.ScanCommand{Command: &logproto.ScanCommand_Read{Read: encodeRead(id, block, want)}})
	if errors.Is(err, io.EOF) {
		<-s.ended // the stream is over, and receiving says why
		return nil
	}
	return s.faults.remote(s.ctx, err)
}

func (s *snapshot) batch(r *logproto.BlockReply) (*scan.Batch, error) {
	switch result := r.GetResult().(type) {
	case *logproto.BlockReply_Batch:
		return decodeBatch(result.Batch, len(s.dir.Streams), s.filters)
	case *logproto.BlockReply_Damaged:
		return nil, &remoteError{result.Damaged, scan.ErrDamaged}
	case *logproto.BlockReply_Failed:
		return nil, errors.New(result.Failed)
	}
	return nil, malformedf("reply %d has no result", r.GetId())
}

// Close implements [scan.Snapshot]. The other side learns of it in its own time.
func (s *snapshot) Close() error {
	s.end(errClosed)
	<-s.ended
	return nil
}
