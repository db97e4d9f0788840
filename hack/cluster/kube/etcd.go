package main

import (
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/etcdutl/v3/etcdutl"
	"go.etcd.io/etcd/server/v3/etcdmain"
)

func etcd() int {
	etcdmain.Main(os.Args)
	return 0
}

// etcdUtl has of etcd's own etcdutl what etcd-snapshot.sh needs: that program's root
// command cannot be imported.
func etcdUtl() int {
	root := &cobra.Command{Use: "etcdutl", Short: "The part of etcdutl that works on snapshots"}
	root.AddCommand(etcdutl.NewSnapshotCommand())
	if root.Execute() != nil {
		return 1
	}
	return 0
}
