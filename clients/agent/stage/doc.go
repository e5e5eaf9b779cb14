// Package stage is what happens to an entry between its source and the
// clients: pipeline_stages of a scrape config.
//
//	Config ──New──▶ Pipeline ──Chain(sink)──▶ Chain        one for each source
//	(YAML, checked)  stages, compiled once     what is held back for that source
//
// A [Pipeline] is a flat list of stages. A row (an entry, and the values that
// stages extracted from it) goes through it from first to last; a stage changes
// the row, drops it, or holds it back to join it with rows that follow. The
// stages of match stand behind it in the list, and it jumps over them where its
// selector does not hold.
//
//	entries ─▶ row: labels, metadata, time, line, extracted ─▶ stage ─▶ stage ─▶ sink
//
// The names of extracted values are known when a pipeline is made, so they are
// numbers (slots) afterwards. The labels that an entry came with count as
// extracted values where no stage has set one of that name.
//
// # What becomes of a line
//
// A stage that drops an entry settles its mark with the reason, once. A stage
// that joins entries joins their marks, so that no line is acknowledged before
// the entry that holds it. What a [Chain] holds back when its source stops is
// forgotten, unless it is flushed: its marks are unsettled, and it is read again.
//
// # Memory
//
// The stages that nearly all pipelines have (cri, docker, json, labels,
// timestamp, output, drop, match, static_labels) allocate nothing for an entry;
// regex allocates once. What stages write lies in memory of the Put that runs,
// and is valid until the sink's Put returns. What is held back is bounded: by
// the settings of its stage, and by maxHeldBytes for each entry.
//
// # Concurrency
//
// A Pipeline may be used by any number of goroutines. A Chain belongs to one.
package stage
