//go:build tools

// Package kueue pins the Kueue that the tests of queues run.
package kueue

import _ "sigs.k8s.io/kueue/cmd/kueue"
