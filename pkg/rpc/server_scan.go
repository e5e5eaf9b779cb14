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

// readsAtOnce is how many blocks of one snapshot are read, and wait to be sent,
// at the same time.
const readsAtOnce = 4

// Scan implements [logproto.IngesterServer]: one snapshot.
func (s *Server) Scan(stream grpc.BidiStreamingServer[logproto.ScanCommand, logproto.ScanReply]) error {
	return s.faults.status(s.scan(stream))
}

func (s *Server) scan(stream grpc.BidiStreamingServer[logproto.ScanCommand, logproto.ScanReply]) error {
	ctx, id, err := tenantOf(stream.Context())
	if err != nil {
		return err
	}
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	if first.GetOpen() == nil {
		return malformedf("the first command of a scan does not open it")
	}
	req, err := decodeRequest(id, first.GetOpen())
	if err != nil {
		return err
	}
	snap, err := s.ing.Open(ctx, req)
	if err != nil {
		return err
	}
	defer func() { _ = snap.Close() }()

	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer context.AfterFunc(s.stopping, func() { end(context.Cause(s.stopping)) })()
	r := &reading{stream: stream, snap: snap, end: end, slots: make(chan struct{}, readsAtOnce)}
	if err := r.send(&logproto.ScanReply{Reply: &logproto.ScanReply_Directory{Directory: encodeDirectory(snap.Directory())}}); err != nil {
		return err
	}
	return r.run(ctx)
}

// A reading is the part of a scan after its directory.
type reading struct {
	stream grpc.BidiStreamingServer[logproto.ScanCommand, logproto.ScanReply]
	snap   scan.Snapshot
	end    context.CancelCauseFunc // ends the scan, and says why
	slots  chan struct{}           // one taken for each block in work
	work   sync.WaitGroup
	sendMu sync.Mutex // held while a message is sent
}

func (r *reading) send(m *logproto.ScanReply) error {
	r.sendMu.Lock()
	defer r.sendMu.Unlock()
	return r.stream.Send(m)
}

// run answers commands until there are no more, or ctx ends. It returns when no
// block is being read any more.
func (r *reading) run(ctx context.Context) error {
	commands := make(chan *logproto.ScanCommand)
	// Receiving cannot be interrupted but by returning from the call. Then
	// gRPC ends it, and with it this goroutine.
	go func() {
		defer close(commands)
		for {
			c, err := r.stream.Recv()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					r.end(err)
				}
				return
			}
			select {
			case commands <- c:
			case <-ctx.Done():
				return
			}
		}
	}()

	defer r.work.Wait()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case c, ok := <-commands:
			if !ok {
				r.work.Wait()
				return context.Cause(ctx)
			}
			if err := r.start(ctx, c); err != nil {
				r.end(err)
				return err
			}
		}
	}
}

// start begins to read what c asks for, once there is a slot.
func (r *reading) start(ctx context.Context, c *logproto.ScanCommand) error {
	read := c.GetRead()
	if read == nil {
		return malformedf("a later command of a scan does not read a block")
	}
	block, want, err := decodeRead(read, len(r.snap.Directory().Blocks))
	if err != nil {
		return err
	}
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	r.work.Go(func() {
		defer func() { <-r.slots }()
		reply := &logproto.BlockReply{Id: read.GetId()}
		b, err := r.snap.Read(ctx, block, want)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, scan.ErrDamaged):
			reply.Result = &logproto.BlockReply_Damaged{Damaged: valid(err.Error())}
		case err != nil:
			reply.Result = &logproto.BlockReply_Failed{Failed: valid(err.Error())}
		default:
			reply.Result = &logproto.BlockReply_Batch{Batch: encodeBatch(b)}
		}
		if err := r.send(&logproto.ScanReply{Reply: &logproto.ScanReply_Block{Block: reply}}); err != nil {
			r.end(err)
		}
	})
	return nil
}
