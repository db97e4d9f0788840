package controllers

import (
	networkingv1 "k8s.io/api/networking/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// annotationClass names the class of an Ingress as was done before there was a field.
const annotationClass = "kubernetes.io/ingress.class"

// ingressClass is what controllers go by in whether an Ingress is theirs.
type ingressClass struct{ field, annotation string }

func classOf(in *networkingv1.Ingress) ingressClass {
	return newIngressClass(in.Spec.IngressClassName, in.Annotations)
}

// classWanted is the class that in asks for or, once it is applied, has.
func classWanted(in *networkingv1ac.IngressApplyConfiguration) ingressClass {
	if in.Spec == nil {
		return newIngressClass(nil, in.Annotations)
	}
	return newIngressClass(in.Spec.IngressClassName, in.Annotations)
}

// newIngressClass leaves out an annotation that says no more than the field.
func newIngressClass(field *string, annotations map[string]string) ingressClass {
	class := ingressClass{annotation: annotations[annotationClass]}
	if field != nil {
		class.field = *field
	}
	if class.annotation == class.field {
		class.annotation = ""
	}
	return class
}

// class is what the operator has applied of the class of an Ingress.
func (a *applied) class() ingressClass {
	return newIngressClass(&a.ClassName, a.Annotations)
}

func (c ingressClass) isNone() bool { return c == ingressClass{} }

// torn tells that field and annotation differ. The API server lets an Ingress become so,
// and takes none that is so from the start.
func (c ingressClass) torn() bool {
	return c.field != "" && c.annotation != ""
}

// keptAnnotations are the annotations of a child that the cache holds.
func keptAnnotations(o client.Object) map[string]string {
	in, ok := o.(*networkingv1.Ingress)
	if !ok || in.Annotations[annotationClass] == "" {
		return nil
	}
	return map[string]string{annotationClass: in.Annotations[annotationClass]}
}
