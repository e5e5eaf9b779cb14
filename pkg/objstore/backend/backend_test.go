package backend_test

import (
	"flag"
	"strings"
	"testing"

	"github.com/grafana/dskit/flagext"
	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/objstore/backend"
)

func TestChoose(t *testing.T) {
	for _, tc := range []struct {
		name, config, schema string
		want, err            string
	}{
		{"nothing", "", "", "filesystem ", ""},
		{"a folder, whatever is described", "aws: {bucketnames: b}", "filesystem", "filesystem ", ""},
		{"a URL with a region", "aws: {s3: 's3://key:sesame@eu-west-1/logs'}", "s3", "s3 logs at s3.eu-west-1.amazonaws.com", ""},
		{"a URL with a host", "aws: {s3: 's3://key:sesame@minio.local:9000/logs'}", "aws", "s3 logs at minio.local:9000", ""},
		{"keys win over the URL", "aws: {s3: 's3://key:sesame@eu-west-1/logs', bucketnames: other, endpoint: 'http://localhost:9000/'}", "aws", "s3 other at localhost:9000", ""},
		{"the only one that is described", "gcs: {bucket_name: g}", "", "gcs g", ""},
		{"azure", "azure: {account_name: acc, account_key: sesame}", "azure", "azure loki at acc.blob.core.windows.net", ""},
		{"azure by a connection string", "azure: {connection_string: 'DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=sesame', container_name: c}", "azure", "azure c at acc.blob.core.windows.net", ""},
		{"azure in China", "azure: {account_name: acc, environment: AzureChinaCloud}", "azure", "azure loki at acc.blob.core.chinacloudapi.cn", ""},
		{"a name", "named_stores: {aws: {cold: {bucketnames: c, region: eu}}}", "cold", "s3 c at s3.eu.amazonaws.com", ""},
		{"the block object_store", "{use_thanos_objstore: true, object_store: {storage_prefix: p, s3: {bucket_name: b, endpoint: 'e:1'}}, aws: {bucketnames: x}}", "s3", "s3 b/p at e:1", ""},
		{"the block object_store alone", "object_store: {gcs: {bucket_name: b}}", "", "gcs b", ""},

		{"two and no schema", "{aws: {bucketnames: b}, gcs: {bucket_name: g}}", "", "", "s3 and gcs are described"},
		{"not described", "", "s3", "", "object store s3: bucketnames is empty"},
		{"not served", "", "swift", "", "object store swift: it is not served; there are filesystem, s3"},
		{"several buckets", "aws: {bucketnames: 'a,b'}", "s3", "", "name one"},
		{"half a key", "aws: {bucketnames: a, access_key_id: k}", "s3", "", "belong together"},
		{"a URL that is none", "aws: {s3: 's3://key:sesame@/%zz'}", "s3", "", "s3 is no URL"},
		{"a secret in the endpoint", "aws: {bucketnames: a, endpoint: 'http://key:sesame@host'}", "s3", "", "endpoint is a host and a port"},
		{"another signature", "aws: {bucketnames: a, signature_version: v2}", "s3", "", "v4 only"},
		{"encryption without a key", "aws: {bucketnames: a, sse: {type: SSE-KMS}}", "s3", "", "kms_key_id is empty"},
		{"a context that is no JSON", "aws: {bucketnames: a, sse: {type: SSE-KMS, kms_key_id: k, kms_encryption_context: sesame}}", "s3", "", "no JSON object"},
		{"no bucket", "gcs: {}", "gcs", "", "bucket_name is empty"},
		{"no account", "azure: {}", "azure", "", "account_name is empty"},
		{"two keys", "azure: {account_name: a, account_key: sesame, connection_string: sesame}", "azure", "", "leave one of them"},
		{"a key and an identity", "azure: {account_name: a, account_key: sesame, use_managed_identity: true}", "azure", "", "a key and an identity"},
		{"half a principal", "azure: {account_name: a, use_service_principal: true}", "azure", "", "wants tenant_id"},
		{"another cloud", "azure: {account_name: a, environment: Mars}", "azure", "", "environment is"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var c backend.Config
			c.RegisterFlags(flag.NewFlagSet("", flag.ContinueOnError))
			if err := yaml.Unmarshal([]byte(tc.config), &c); err != nil {
				t.Fatal(err)
			}
			var schema backend.Schema
			if tc.schema != "" {
				schema.Configs = []backend.Period{{ObjectStore: "filesystem"}, {ObjectStore: tc.schema}}
			}
			got, err := backend.Choose(&c, schema)
			switch {
			case tc.err != "":
				if err == nil || !strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), "sesame") {
					t.Errorf("%v, want an error that says %q and no secret", err, tc.err)
				}
			case err != nil:
				t.Error(err)
			case got.String() != tc.want:
				t.Errorf("%q, want %q", got.String(), tc.want)
			}
		})
	}
}

func TestCommonIsOneStore(t *testing.T) {
	c := backend.Common{S3: backend.S3{BucketNames: "b"}}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.GCS.BucketName = "g"
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "gcs and s3") {
		t.Errorf("two stores: %v", err)
	}
}

// What a configuration prints of itself holds no secret.
func TestSecretsAreNotPrinted(t *testing.T) {
	s := flagext.SecretWithValue("sesame")
	c := backend.Config{
		AWS:   backend.S3{URL: s, SecretAccessKey: s, SessionToken: s},
		GCS:   backend.GCS{ServiceAccount: s},
		Azure: backend.Azure{AccountKey: s, ConnectionString: s, ClientSecret: s},
		ObjectStore: backend.ObjectStore{
			S3: backend.S3Store{SecretAccessKey: s, SessionToken: s}, GCS: backend.GCSStore{ServiceAccount: s},
			Azure: backend.AzureStore{AccountKey: s, ConnectionString: s},
		},
		NamedStores: backend.NamedStores{AWS: map[string]backend.S3{"x": {URL: s}}},
	}
	text, err := yaml.Marshal(c)
	if err != nil || strings.Contains(string(text), "sesame") {
		t.Errorf("%v\n%s", err, text)
	}
}
