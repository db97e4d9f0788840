package app

import (
	"testing"

	"github.com/securedmcp/operator/test/kubetest"
)

// Main stops the API server that tests share.
func TestMain(m *testing.M) { kubetest.Main(m) }
