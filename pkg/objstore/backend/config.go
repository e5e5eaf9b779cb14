package backend

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
)

// A Common is what components keep in a remote store unless they are told
// otherwise: the block common.storage. At most one store may be described.
type Common struct {
	S3          S3          `yaml:"s3"`
	GCS         GCS         `yaml:"gcs"`
	Azure       Azure       `yaml:"azure"`
	ObjectStore ObjectStore `yaml:"object_store"`
}

// RegisterFlags adds the settings of c to f, with a prefix.
func (c *Common) RegisterFlags(f *flag.FlagSet, prefix string) {
	c.S3.RegisterFlags(f, prefix+"s3.")
	c.GCS.RegisterFlags(f, prefix+"gcs.")
	c.Azure.RegisterFlags(f, prefix+"azure.")
	c.ObjectStore.RegisterFlags(f, prefix+"object-store.")
}

// Validate reports that more than one store is described.
func (c *Common) Validate() error {
	var found []string
	for name, is := range map[string]bool{
		"s3": c.S3.described(), "gcs": c.GCS.described(), "azure": c.Azure.described(),
		"object_store": len(c.ObjectStore.described()) > 0,
	} {
		if is {
			found = append(found, name)
		}
	}
	if len(found) > 1 {
		slices.Sort(found)
		return fmt.Errorf("%s are given: a bucket is in one store, leave one of them", strings.Join(found, " and "))
	}
	return nil
}

// A Config describes remote stores: the block storage_config.
type Config struct {
	AWS         S3          `yaml:"aws"`
	GCS         GCS         `yaml:"gcs"`
	Azure       Azure       `yaml:"azure"`
	NamedStores NamedStores `yaml:"named_stores"`
	// UseThanosObjstore takes the stores from ObjectStore, not from the fields above.
	UseThanosObjstore bool        `yaml:"use_thanos_objstore"`
	ObjectStore       ObjectStore `yaml:"object_store"`
}

// NamedStores are more stores, by a name that schema_config may say.
type NamedStores struct {
	AWS   map[string]S3    `yaml:"aws"`
	GCS   map[string]GCS   `yaml:"gcs"`
	Azure map[string]Azure `yaml:"azure"`
}

// RegisterFlags adds the settings of c to f.
func (c *Config) RegisterFlags(f *flag.FlagSet) {
	c.AWS.RegisterFlags(f, "s3.")
	c.GCS.RegisterFlags(f, "gcs.")
	c.Azure.RegisterFlags(f, "azure.")
	f.BoolVar(&c.UseThanosObjstore, "use-thanos-objstore", false, "Take the store from the block object_store.")
	c.ObjectStore.RegisterFlags(f, "object-store.")
}

// Inherit makes what is common the default of c.
func (c *Config) Inherit(common Common) {
	c.AWS, c.GCS, c.Azure, c.ObjectStore = common.S3, common.GCS, common.Azure, common.ObjectStore
}

// A Schema is the block schema_config. Of its periods the last one counts, and of
// that the store.
type Schema struct {
	Configs []Period `yaml:"configs"`
}

// A Period says how Loki keeps what is from a day on.
type Period struct {
	From        string         `yaml:"from"`
	Store       string         `yaml:"store"`
	ObjectStore string         `yaml:"object_store"` // which store; the only one that counts
	Schema      string         `yaml:"schema"`
	Index       map[string]any `yaml:"index"`
	Chunks      map[string]any `yaml:"chunks"`
	RowShards   int            `yaml:"row_shards"`
}

// Filesystem is the name of the store that is a folder of this process.
const Filesystem = "filesystem"

// served are the names of stores that schema_config may say.
const served = "filesystem, s3 (or aws), gcs, azure and the names in named_stores"

// Choose returns the store that the bucket is in: the one that the last period of
// the schema names, or else the only one that is described. Without one it is a
// folder. An error says what is missing or wrong.
func Choose(c *Config, schema Schema) (Choice, error) {
	name := ""
	if n := len(schema.Configs); n > 0 {
		name = schema.Configs[n-1].ObjectStore
	}
	if name == "" {
		switch all := c.described(); len(all) {
		case 0:
			name = Filesystem
		case 1:
			name = all[0]
		default:
			return Choice{}, fmt.Errorf("%s are described: say which one it is as object_store in schema_config", strings.Join(all, " and "))
		}
	}
	choice, err := c.choose(name)
	if err != nil {
		return Choice{}, fmt.Errorf("object store %s: %w", name, err)
	}
	return choice, nil
}

// described are the stores that the settings name a bucket or an account of.
func (c *Config) described() []string {
	if c.UseThanosObjstore {
		return c.ObjectStore.described()
	}
	var names []string
	if c.AWS.described() {
		names = append(names, "s3")
	}
	if c.GCS.described() {
		names = append(names, "gcs")
	}
	if c.Azure.described() {
		names = append(names, "azure")
	}
	if len(names) == 0 {
		return c.ObjectStore.described()
	}
	return names
}

func (c *Config) choose(name string) (Choice, error) {
	// The block object_store also counts where nothing else is described.
	byBlock := c.UseThanosObjstore || !c.AWS.described() && !c.GCS.described() && !c.Azure.described()
	switch name {
	case Filesystem:
		return Choice{Kind: Filesystem}, nil
	case "s3", "aws", "aws-dynamo":
		if byBlock && len(c.ObjectStore.described()) > 0 {
			return c.ObjectStore.S3.choose(c.ObjectStore.StoragePrefix)
		}
		return c.AWS.choose("")
	case "gcs", "gcp", "gcp-columnkey":
		if byBlock && len(c.ObjectStore.described()) > 0 {
			return c.ObjectStore.GCS.choose(c.ObjectStore.StoragePrefix)
		}
		return c.GCS.choose("")
	case "azure":
		if byBlock && len(c.ObjectStore.described()) > 0 {
			return c.ObjectStore.Azure.choose(c.ObjectStore.StoragePrefix)
		}
		return c.Azure.choose("")
	}
	if s, ok := c.NamedStores.AWS[name]; ok {
		return s.choose("")
	}
	if s, ok := c.NamedStores.GCS[name]; ok {
		return s.choose("")
	}
	if s, ok := c.NamedStores.Azure[name]; ok {
		return s.choose("")
	}
	return Choice{}, errors.New("it is not served; there are " + served)
}
