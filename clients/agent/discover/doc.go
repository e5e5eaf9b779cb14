// Package discover finds the targets of scrape configs that read files: static
// ones, those of file_sd_configs, and Kubernetes pods. The discovery itself and
// the relabelling are Prometheus' own.
//
//	static, file, kubernetes ─▶ labels ─▶ relabel_configs ─▶ __path__, labels
//
// A [Finder] calls back with all targets of a job whenever they change. Labels
// that begin with __ end here, save that of the tenant.
package discover
