// Package backend makes a bucket of the settings that Loki has for object stores:
// which remote store keeps the segments, where it is, and who may use it.
//
//	common.storage ──▶ storage_config ──┐
//	                                    ├─ Choose ─▶ Choice ─ Open ─▶ objstore.Bucket
//	schema_config (last object_store) ──┘
//
// [Choose] decides from the configuration alone and touches nothing, so that a
// check of the configuration can call it; [Choice.Open] makes the client. Served
// are S3 and what speaks like it, Google Cloud Storage and Azure Blob Storage, each
// under the keys that Loki has for it: those of its own clients (aws, gcs, azure),
// those of its object_store block, and stores with names.
//
// The clients are those of thanos-io/objstore. Retries, spooling and metrics are
// ours, in package objstore, and the same for every store.
//
// # Secrets
//
// Keys and connection strings are kept in types that do not print themselves. No
// error of this package holds one, or the URL that it came in.
package backend
