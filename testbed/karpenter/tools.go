//go:build tools

// Package karpenter pins the Karpenter that the tests of machines run, with the provider that makes Node objects instead of machines.
package karpenter

import _ "sigs.k8s.io/karpenter/kwok"
