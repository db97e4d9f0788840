package controllers_test

import (
	"os"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// checkKstatus states that tools which judge objects by the conventions of
// kstatus (Flux, Helm, kpt) call a server current exactly when it is Ready, and
// stop waiting when waiting does not help.
func checkKstatus(t testing.TB, s *v1alpha1.SecuredMCPServer, ready bool) {
	t.Helper()
	result, err := status.Compute(&unstructured.Unstructured{Object: untyped(t, s)})
	if err != nil {
		t.Fatal(err)
	}
	want := status.InProgressStatus
	switch {
	case ready:
		want = status.CurrentStatus
	case isStalled(t, s):
		want = status.FailedStatus
	}
	if result.Status != want {
		t.Errorf("kstatus says %s (%s), want %s", result.Status, result.Message, want)
	}
}

func TestArgoCDSeesTheHealthOfAServer(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	wantHealth(t, s, "Progressing") // the operator has not seen it yet
	w.create(s)
	w.settle(s)
	wantHealth(t, s, "Progressing")
	s = w.ready("b")
	wantHealth(t, s, "Healthy")
	w.update(s, func() { s.Spec.Scopes[0].Implies = []string{"invoices:write"} })
	wantHealth(t, s, "Progressing") // of this generation nothing is known yet
	_, _ = w.reconcile(s)           // which says that only an edit helps
	wantHealth(t, s, "Degraded")
	w.update(s, func() { s.Spec.Scopes[0].Implies, s.Spec.Workload.Replicas = nil, new(int32(0)) })
	w.settle(s)
	wantHealth(t, s, "Suspended")
}

// What may end by itself is no reason to call a server degraded.
func TestArgoCDWaitsForWhatOthersHaveToDo(t *testing.T) {
	for _, reason := range []string{
		v1alpha1.ReasonReconciling, v1alpha1.ReasonProgressing, v1alpha1.ReasonRollingOut, v1alpha1.ReasonPropagating, v1alpha1.ReasonNotAsked,
		v1alpha1.ReasonNoReadyReplicas, v1alpha1.ReasonIngressPending, v1alpha1.ReasonRoutePending, v1alpha1.ReasonCertificatePending,
	} {
		s := &v1alpha1.SecuredMCPServer{ObjectMeta: metav1.ObjectMeta{Generation: 1}}
		s.Status.ObservedGeneration = 1
		s.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason, Message: reason, ObservedGeneration: 1}}
		wantHealth(t, s, "Progressing")
	}
}

// wantHealth runs the sample for Argo CD, which is Lua.
func wantHealth(t *testing.T, s *v1alpha1.SecuredMCPServer, want string) {
	t.Helper()
	script, err := os.ReadFile("../config/samples/argocd/health.lua")
	if err != nil {
		t.Fatal(err)
	}
	l := lua.NewState()
	defer l.Close()
	l.SetGlobal("obj", luaValue(l, untyped(t, s)))
	if err := l.DoString(string(script)); err != nil {
		t.Fatal(err)
	}
	health, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the script returned %v", l.Get(-1))
	}
	if got := health.RawGetString("status").String(); got != want || health.RawGetString("message").String() == "" {
		t.Errorf("health %s (%s), want %s", got, health.RawGetString("message"), want)
	}
}

func luaValue(l *lua.LState, in any) lua.LValue {
	switch v := in.(type) {
	case map[string]any:
		table := l.NewTable()
		for key, value := range v {
			table.RawSetString(key, luaValue(l, value))
		}
		return table
	case []any:
		table := l.NewTable()
		for _, value := range v {
			table.Append(luaValue(l, value))
		}
		return table
	case string:
		return lua.LString(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	case bool:
		return lua.LBool(v)
	default:
		return lua.LNil
	}
}

func untyped(t testing.TB, s *v1alpha1.SecuredMCPServer) map[string]any {
	t.Helper()
	typed := s.DeepCopy()
	typed.APIVersion, typed.Kind = v1alpha1.GroupVersion.String(), v1alpha1.Kind
	o, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		t.Fatal(err)
	}
	return o
}
