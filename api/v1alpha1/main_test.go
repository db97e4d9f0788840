package v1alpha1_test

import (
	"testing"

	"github.com/securedmcp/operator/test/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }
