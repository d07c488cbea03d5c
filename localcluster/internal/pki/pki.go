// Package pki makes the keys and certificates of one cluster: an authority, a serving
// certificate, and one client identity for each component.
//
// Room: files of one folder, and kubeconfigs; it may not touch networks or know which components
// there are.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// validity is longer than any local cluster lives.
const validity = 365 * 24 * time.Hour

// Authority signs certificates and writes them into one folder.
type Authority struct {
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// Identity is a client: a user and its groups.
type Identity struct {
	User   string
	Groups []string
}

// New makes an authority whose files lie in dir (ca.crt).
func New(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := template("localcluster-ca")
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a := &Authority{dir: dir, key: key, cert: cert}
	return a, writePEM(a.CA(), "CERTIFICATE", der)
}

// CA is the path of the authority's certificate.
func (a *Authority) CA() string { return a.path("ca.crt") }

// Cert and Key are the paths of a certificate and its key.
func (a *Authority) Cert(name string) string { return a.path(name + ".crt") }

// Key is the path of a certificate's key.
func (a *Authority) Key(name string) string { return a.path(name + ".key") }

func (a *Authority) path(name string) string { return filepath.Join(a.dir, name) }

// Serving writes a server certificate for the given addresses and names.
func (a *Authority) Serving(name string, ips []net.IP, dns []string) error {
	t := template(name)
	t.IPAddresses, t.DNSNames = ips, dns
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	return a.issue(name, t)
}

// Client writes a client certificate.
func (a *Authority) Client(name string, id Identity) error {
	t := template(id.User)
	t.Subject.Organization = id.Groups
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(name, t)
}

// ServiceAccountKey writes the key pair that signs service-account tokens (name.key, name.pub).
func (a *Authority) ServiceAccountKey(name string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := writePEM(a.path(name+".pub"), "PUBLIC KEY", public); err != nil {
		return err
	}
	return a.writeKey(name, key)
}

func (a *Authority) issue(name string, t *x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", name, err)
	}
	if err := writePEM(a.Cert(name), "CERTIFICATE", der); err != nil {
		return err
	}
	return a.writeKey(name, key)
}

func (a *Authority) writeKey(name string, key crypto.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(a.Key(name), "PRIVATE KEY", der)
}

func template(commonName string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: commonName},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(validity),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
