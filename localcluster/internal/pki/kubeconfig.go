package pki

import (
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfig writes a kubeconfig for the client certificate called name. With embed the
// certificates are inside the file, so that it can be copied elsewhere.
func (a *Authority) Kubeconfig(path, server, name string, embed bool) error {
	config := api.NewConfig()
	config.Clusters["localcluster"] = &api.Cluster{Server: server, CertificateAuthority: a.CA()}
	config.AuthInfos[name] = &api.AuthInfo{
		ClientCertificate: a.Cert(name),
		ClientKey:         a.Key(name),
	}
	config.Contexts["localcluster"] = &api.Context{Cluster: "localcluster", AuthInfo: name}
	config.CurrentContext = "localcluster"
	if embed {
		if err := api.FlattenConfig(config); err != nil {
			return err
		}
	}
	return clientcmd.WriteToFile(*config, path)
}
