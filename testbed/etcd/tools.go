//go:build tools

// Package etcd pins the store of the control plane that the tests run.
package etcd

import _ "go.etcd.io/etcd/server/v3"
