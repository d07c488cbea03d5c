package pki

import (
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfig writes a kubeconfig for the client certificate called name. Its context is called
// cluster, so that a program that asks before it acts can say where. With embed the certificates
// are inside the file, so that it can be copied elsewhere.
func (a *Authority) Kubeconfig(path, server, cluster, name string, embed bool) error {
	config := api.NewConfig()
	config.Clusters[cluster] = &api.Cluster{Server: server, CertificateAuthority: a.CA()}
	config.AuthInfos[name] = &api.AuthInfo{
		ClientCertificate: a.Cert(name),
		ClientKey:         a.Key(name),
	}
	config.Contexts[cluster] = &api.Context{Cluster: cluster, AuthInfo: name}
	config.CurrentContext = cluster
	if embed {
		if err := api.FlattenConfig(config); err != nil {
			return err
		}
	}
	return clientcmd.WriteToFile(*config, path)
}
