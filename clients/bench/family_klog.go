package bench

// klogDaemon are lines of Kubernetes' own programs: a letter, a time, a thread,
// a place in the code, a message and its pairs.
var klogDaemon = family{name: "klog", mean: 226, line: klogLine}

var mounts = []string{"kube-api-access", "config", "data", "tls", "tmp"}

func klogLine(s *slice, src *source) {
	refused := s.chance(0.006)
	letter := "I"
	switch u := s.rnd.Float64(); {
	case refused:
		letter = "E"
	case u < 0.04:
		letter = "W"
	}
	s.text(letter)
	s.time("0102 15:04:05.000000 ")
	for n := src.pid; n < 1_000_000; n *= 10 {
		s.buf = append(s.buf, ' ')
	}
	s.num(src.pid)
	pod := func() {
		s.text(` pod="`)
		s.text(s.often(s.g.vocab.pods))
		s.text(`"`)
	}
	switch kind := s.rnd.IntN(10); {
	case refused:
		s.text(` reflector.go:205] "Failed to watch" err="Get \"https://`)
		s.text(s.any(s.g.vocab.hosts))
		s.text(`:6443/api/v1/pods?resourceVersion=`)
		s.num(800_000_000 + s.few(90_000_000))
		s.text(`\": dial tcp: connect: connection refused" type="*v1.Pod"`)
	case src.app.name != "kubelet" && kind < 6:
		s.text(` schedule_one.go:314] "Successfully bound pod to node"`)
		pod()
		s.text(` node="node-`)
		s.padded(s.rnd.IntN(24), 2)
		s.text(`" evaluatedNodes=`)
		s.num(24)
		s.text(` feasibleNodes=`)
		s.num(1 + s.few(24))
	case src.app.name != "kubelet":
		s.text(` event.go:389] "Event occurred" object="`)
		s.text(s.often(s.g.vocab.pods))
		s.text(`" fieldPath="" kind="ReplicaSet" apiVersion="apps/v1" type="Normal" reason="SuccessfulCreate" message="Created pod: `)
		s.hex(10)
		s.text(`"`)
	case kind < 4 || s.planted[plantRare] > 0:
		s.text(` kubelet.go:2456] "SyncLoop (PLEG): event for pod"`)
		pod()
		s.text(` event={"ID":"`)
		s.uuid()
		s.text(`","Type":"ContainerStarted","Data":"`)
		if s.take(plantRare) {
			s.hex(20)
			s.text(s.g.Plants.Rare)
			s.hex(32)
		} else {
			s.hex(64)
		}
		s.text(`"}`)
	case kind < 7:
		s.text(` reconciler_common.go:251] "operationExecutor.VerifyControllerAttachedVolume started for volume \"`)
		s.text(s.often(mounts))
		s.text(`\" (UniqueName: \"kubernetes.io/projected/`)
		s.uuid()
		s.text(`\")"`)
		pod()
	case kind < 9:
		s.text(` prober.go:107] "Probe failed" probeType="Readiness"`)
		pod()
		s.text(` containerName="main" probeResult="failure" output="HTTP probe failed with statuscode: `)
		s.num([]int{503, 500, 404}[s.few(3)])
		s.text(`"`)
	default:
		s.text(` pod_startup_latency_tracker.go:104] "Observed pod startup duration"`)
		pod()
		s.text(` podStartSLOduration=`)
		s.float(s.rnd.ExpFloat64()*3, 9)
		s.text(` watchObservedRunningTime="`)
		s.time("2006-01-02 15:04:05.000000000 -0700 MST")
		s.text(`"`)
	}
}
