package kubernetes_test

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// A kustomization is as much of one as the manifests here have.
type kustomization struct {
	meta.TypeMeta `json:",inline"`
	Namespace     string   `json:"namespace"`
	Resources     []string `json:"resources"`
	Images        []struct {
		Name, NewName, NewTag string
	} `json:"images"`
	ConfigMapGenerator []struct {
		Name  string   `json:"name"`
		Files []string `json:"files"`
	} `json:"configMapGenerator"`
}

// manifests are the objects of a folder.
type manifests struct {
	kustomization kustomization
	pods          []corev1.PodSpec
	accounts      []string
	roles         map[string][]rbacv1.PolicyRule // by kind/name
	bindings      []rbacv1.RoleBinding           // of clusters, too
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	strict(t, file, text, into)
}

// strict reads YAML that has no unknown key, and none twice.
func strict(t *testing.T, file string, text []byte, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func load(t *testing.T, dir string) *manifests {
	t.Helper()
	m := &manifests{roles: map[string][]rbacv1.PolicyRule{}}
	read(t, filepath.Join(dir, "kustomization.yaml"), &m.kustomization)
	for _, file := range m.kustomization.Resources {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range bytes.Split(text, []byte("\n---\n")) {
			var kind meta.TypeMeta
			if err := yaml.Unmarshal(doc, &kind); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			m.add(t, file, kind, doc)
		}
	}
	return m
}

func (m *manifests) add(t *testing.T, file string, kind meta.TypeMeta, doc []byte) {
	t.Helper()
	switch kind.APIVersion + " " + kind.Kind {
	case "v1 ServiceAccount":
		var o corev1.ServiceAccount
		strict(t, file, doc, &o)
		m.accounts = append(m.accounts, o.Name)
	case "rbac.authorization.k8s.io/v1 ClusterRole":
		var o rbacv1.ClusterRole
		strict(t, file, doc, &o)
		m.roles["ClusterRole/"+o.Name] = o.Rules
	case "rbac.authorization.k8s.io/v1 Role":
		var o rbacv1.Role
		strict(t, file, doc, &o)
		m.roles["Role/"+o.Name] = o.Rules
	case "rbac.authorization.k8s.io/v1 ClusterRoleBinding", "rbac.authorization.k8s.io/v1 RoleBinding":
		var o rbacv1.RoleBinding
		strict(t, file, doc, &o)
		m.bindings = append(m.bindings, o)
	case "apps/v1 DaemonSet":
		var o appsv1.DaemonSet
		strict(t, file, doc, &o)
		m.template(t, o.Spec.Selector, o.Spec.Template)
	case "apps/v1 Deployment":
		var o appsv1.Deployment
		strict(t, file, doc, &o)
		m.template(t, o.Spec.Selector, o.Spec.Template)
	default:
		t.Errorf("%s: unknown kind %s of %s", file, kind.Kind, kind.APIVersion)
	}
}

func (m *manifests) template(t *testing.T, selector *meta.LabelSelector, pod corev1.PodTemplateSpec) {
	t.Helper()
	for name, value := range selector.MatchLabels {
		if pod.Labels[name] != value {
			t.Errorf("the selector wants %s=%s of the pods, which have %v", name, value, pod.Labels)
		}
	}
	m.pods = append(m.pods, pod.Spec)
}

// TestManifestsAreOfOnePiece checks that what a manifest names is there.
func TestManifestsAreOfOnePiece(t *testing.T) {
	for _, dir := range []string{"agent", "events"} {
		t.Run(dir, func(t *testing.T) {
			m := load(t, dir)
			if len(m.pods) != 1 {
				t.Fatalf("%d kinds of pods, want one", len(m.pods))
			}
			pod := m.pods[0]
			if !slices.Contains(m.accounts, pod.ServiceAccountName) {
				t.Errorf("no service account %s", pod.ServiceAccountName)
			}
			for _, b := range m.bindings {
				if _, ok := m.roles[b.RoleRef.Kind+"/"+b.RoleRef.Name]; !ok {
					t.Errorf("binding %s: no %s %s", b.Name, b.RoleRef.Kind, b.RoleRef.Name)
				}
				for _, s := range b.Subjects {
					if s.Name != pod.ServiceAccountName || s.Namespace != m.kustomization.Namespace {
						t.Errorf("binding %s: the subject is %s/%s", b.Name, s.Namespace, s.Name)
					}
				}
			}
			volumes := map[string]corev1.Volume{}
			for _, v := range pod.Volumes {
				volumes[v.Name] = v
			}
			for _, c := range pod.Containers {
				m.container(t, dir, c, volumes)
			}
		})
	}
}

func (m *manifests) container(t *testing.T, dir string, c corev1.Container, volumes map[string]corev1.Volume) {
	t.Helper()
	var config string
	for _, arg := range c.Args {
		if file, ok := strings.CutPrefix(arg, "-config.file="); ok {
			config = file
		}
	}
	found := false
	for _, mount := range c.VolumeMounts {
		v, ok := volumes[mount.Name]
		switch {
		case !ok:
			t.Errorf("no volume %s", mount.Name)
		case v.HostPath != nil && mount.MountPath != "/run/promtail" && !mount.ReadOnly:
			t.Errorf("the node's %s may be written to", v.HostPath.Path)
		case v.ConfigMap != nil && mount.MountPath == path.Dir(config):
			for _, g := range m.kustomization.ConfigMapGenerator {
				found = found || g.Name == v.ConfigMap.Name && slices.Contains(g.Files, path.Base(config))
			}
		}
	}
	if !found {
		t.Errorf("no volume holds the file %s", config)
	}
	if _, err := os.Stat(filepath.Join(dir, path.Base(config))); err != nil {
		t.Error(err)
	}
	if len(m.kustomization.Images) != 1 || m.kustomization.Images[0].Name != c.Image {
		t.Errorf("no image is given for %s", c.Image)
	}
	if c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
		t.Errorf("resources are not bounded: %+v", c.Resources)
	}
	if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
		t.Error("the root file system may be written to")
	}
}
