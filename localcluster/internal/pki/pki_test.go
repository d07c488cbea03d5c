package pki

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

func authority(t *testing.T) *Authority {
	t.Helper()
	a, err := New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func load(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func verify(t *testing.T, a *Authority, name string, usage x509.ExtKeyUsage) *x509.Certificate {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(load(t, a.CA()))
	cert := load(t, a.Cert(name))
	options := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}}
	if _, err := cert.Verify(options); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return cert
}

func TestAServerIsTrustedByItsAddressesAndNames(t *testing.T) {
	a := authority(t)
	ip := net.ParseIP("10.244.0.1")
	if err := a.Serving("api", []net.IP{ip}, []string{"kubernetes.default.svc"}); err != nil {
		t.Fatal(err)
	}
	cert := verify(t, a, "api", x509.ExtKeyUsageServerAuth)
	for _, host := range []string{"10.244.0.1", "kubernetes.default.svc"} {
		if err := cert.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	if cert.VerifyHostname("example.com") == nil {
		t.Error("trusted under a foreign name")
	}
}

func TestAClientIsItsUserAndGroupsAndNoServer(t *testing.T) {
	a := authority(t)
	id := Identity{User: "system:node:node-1", Groups: []string{"system:nodes"}}
	if err := a.Client("node-1", id); err != nil {
		t.Fatal(err)
	}
	cert := verify(t, a, "node-1", x509.ExtKeyUsageClientAuth)
	if cert.Subject.CommonName != id.User || cert.Subject.Organization[0] != "system:nodes" {
		t.Errorf("%v", cert.Subject)
	}
	roots := x509.NewCertPool()
	roots.AddCert(load(t, a.CA()))
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots}); err == nil {
		t.Error("a client certificate serves as a server's")
	}
	if _, err := tls.LoadX509KeyPair(a.Cert("node-1"), a.Key("node-1")); err != nil {
		t.Error("key and certificate do not fit:", err)
	}
}

func TestKeysAreTheOwnersAlone(t *testing.T) {
	a := authority(t)
	if err := a.ServiceAccountKey("sa"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(a.Key("sa"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestAKubeconfigForOutsideHoldsItsCertificates(t *testing.T) {
	a := authority(t)
	if err := a.Client("admin", Identity{User: "admin"}); err != nil {
		t.Fatal(err)
	}
	for _, embed := range []bool{true, false} {
		path := t.TempDir() + "/kubeconfig"
		if err := a.Kubeconfig(path, "https://127.0.0.1:1", "mine", "admin", embed); err != nil {
			t.Fatal(err)
		}
		if raw, err := clientcmd.LoadFromFile(path); err != nil || raw.CurrentContext != "mine" {
			t.Fatalf("%+v, %v", raw, err)
		}
		config, err := clientcmd.BuildConfigFromFlags("", path)
		if err != nil || config.Host != "https://127.0.0.1:1" || config.Insecure {
			t.Fatalf("%+v, %v", config, err)
		}
		if embedded := len(config.KeyData) > 0 && config.KeyFile == ""; embedded != embed {
			t.Errorf("embed %v: %v", embed, embedded)
		}
	}
}
