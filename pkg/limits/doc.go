// Package limits holds what each tenant may do and how its entries are treated:
// the values of limits_config, and those of the runtime file that a tenant has
// for itself.
//
// It holds values only. Whoever enforces one asks for it by name at the moment
// of use, and so sees a reload at once:
//
//	limits_config ──▶ Limits ──────────┐ the value of every tenant …
//	runtime file  ──▶ Runtime ─▶ file ─┤ … unless the file has one for this tenant
//	                                   ▼
//	                               Overrides ──▶ o.For(tenant).MaxLineSize
//
// A caller takes the values of a tenant once for one piece of work, with
// [Overrides.For], so that a reload in between cannot mix two states.
//
// # Reloading
//
// [Runtime] reads the file again every runtime_config.period. A file that
// cannot be read or holds an unknown key stops the start; later it leaves the
// values as they are, is logged, and is counted in
// runtime_config_reload_failures_total.
//
// # Concurrency
//
// All methods of [Overrides] may be called at any time by anyone. A [*Limits]
// that came from [Overrides.For] is shared and must not be changed.
//
// # Units
//
// [Duration] and [Bytes] read both the Prometheus and the Go manner (1w, 1d12h,
// 1.5h; 256KB, 1.5MB, any case, 1 KB is 1024 bytes) and print the former.
package limits
