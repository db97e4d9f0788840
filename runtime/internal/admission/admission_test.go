package admission

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func enter(t *testing.T, g *Gate, source string) *Pass {
	t.Helper()
	p, ok := g.Enter(from(source))
	if !ok {
		t.Fatal("no place is free")
	}
	return p
}

func from(source string) func() string { return func() string { return source } }

func TestAPlaceIsGivenBackOnce(t *testing.T) {
	g := NewGate(1)
	p := enter(t, g, "a")
	if _, ok := g.Enter(from("b")); ok {
		t.Error("two requests have the one place")
	}
	p.Leave()
	p.Leave()
	next := enter(t, g, "b")
	p.Leave()
	if _, ok := g.Enter(from("c")); ok {
		t.Error("leaving twice gave another request's place away")
	}
	next.Leave()
}

func TestWhoWaitsLeavesTheirPlaceToOthers(t *testing.T) {
	g := NewGate(1)
	p := enter(t, g, "a")
	err := p.Wait(func() { enter(t, g, "b").Leave() })
	if err != nil {
		t.Errorf("coming back to a free place: %v", err)
	}
	if _, ok := g.Enter(from("c")); ok {
		t.Error("the place was not taken again")
	}
	p.Leave()

	p = enter(t, g, "a")
	var other *Pass
	if err := p.Wait(func() { other = enter(t, g, "b") }); !errors.Is(err, ErrFull) {
		t.Errorf("coming back to a place that is taken: error %v, want ErrFull", err)
	}
	p.Leave() // it has none
	if _, ok := g.Enter(from("c")); ok {
		t.Error("who found no place gave another's away")
	}
	other.Leave()
}

func TestOneCallerLeavesPlacesToOthers(t *testing.T) {
	g := NewGate(4)
	var held []*Pass
	for range 3 {
		p := enter(t, g, "a")
		if !p.Claim("flood") {
			t.Fatal("a caller may have three of four places")
		}
		held = append(held, p)
	}
	p := enter(t, g, "a")
	if p.Claim("flood") {
		t.Error("one caller has every place")
	}
	if !p.Claim("another") {
		t.Error("another has none")
	}
	// Who comes back from waiting finds their share as full as anybody.
	err := held[0].Wait(func() {
		p.Leave()
		p = enter(t, g, "a")
		if !p.Claim("flood") {
			t.Error("the place of who waits is not free")
		}
	})
	if !errors.Is(err, ErrFull) {
		t.Errorf("coming back to a share that is taken: error %v, want ErrFull", err)
	}
	for _, p := range append(held, p) {
		p.Leave()
		p.Leave()
	}
	if len(g.slots) != 0 || len(g.callers.of) != 0 {
		t.Errorf("%d places are taken, by %v", len(g.slots), g.callers.of)
	}
	if !enter(t, NewGate(1), "a").Claim("alone") {
		t.Error("nobody may have the only place")
	}
}

func TestOneSourceCannotFillTheRoom(t *testing.T) {
	r := NewRoom(8)
	var leave []func()
	for {
		f, ok := r.Enter("flood")
		if !ok {
			break
		}
		leave = append(leave, f)
	}
	if len(leave) != 2 {
		t.Errorf("one source has %d of 8 places, want a quarter", len(leave))
	}
	for _, source := range []string{"a", "b", "c"} {
		for range 2 {
			if _, ok := r.Enter(source); !ok {
				t.Errorf("source %s finds no place", source)
			}
		}
	}
	if _, ok := r.Enter("d"); ok {
		t.Error("nine have a place")
	}
	leave[0]()
	if _, ok := r.Enter("d"); !ok {
		t.Error("a place that was given back is not free")
	}
}

func TestWithoutAPlaceToWaitNobodyWaits(t *testing.T) {
	g := NewGate(1)
	p := enter(t, g, "a")
	err := p.Wait(func() {
		second := enter(t, g, "a")
		defer second.Leave()
		if err := second.Wait(func() { t.Error("it waits") }); !errors.Is(err, ErrFull) {
			t.Errorf("error %v, want ErrFull", err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func TestWorkWithoutAGateWaits(t *testing.T) {
	var p *Pass
	waited := false
	if err := p.Wait(func() { waited = true }); err != nil || !waited {
		t.Errorf("error %v, waited %v", err, waited)
	}
	p.Leave()
}

func TestSources(t *testing.T) {
	request := func(remote string, forwarded ...string) *http.Request {
		return &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": forwarded}}
	}
	for name, tc := range map[string]struct {
		a, b *http.Request
		same bool
	}{
		"two ports of one address":            {request("192.0.2.1:1000"), request("192.0.2.1:2000"), true},
		"two addresses":                       {request("192.0.2.1:1000"), request("192.0.2.2:1000"), false},
		"one IPv6 subnet":                     {request("[2001:db8::1]:1"), request("[2001:db8::2]:1"), true},
		"two IPv6 subnets":                    {request("[2001:db8::1]:1"), request("[2001:db8:0:1::1]:1"), false},
		"two clients of one proxy":            {request("10.0.0.1:1", "192.0.2.1"), request("10.0.0.1:1", "192.0.2.2"), false},
		"one client that forges its way":      {request("10.0.0.1:1", "x, 192.0.2.1"), request("10.0.0.1:1", "y, 192.0.2.1"), true},
		"and does so in a header of its own":  {request("10.0.0.1:1", "x", "192.0.2.1"), request("10.0.0.1:1", "y", "192.0.2.1"), true},
		"IPv4 written as IPv6":                {request("10.0.0.1:1", "::ffff:192.0.2.1"), request("10.0.0.1:1", "192.0.2.1"), true},
		"what is too long to be remembered":   {request("10.0.0.1:1", strings.Repeat("a", 64)+"b"), request("10.0.0.1:1", strings.Repeat("a", 64)+"c"), true},
		"a client is not the proxy's address": {request("10.0.0.1:1"), request("10.0.0.1:1", "192.0.2.1"), false},
	} {
		if a, b := Source(tc.a), Source(tc.b); (a == b) != tc.same {
			t.Errorf("%s: %q and %q", name, a, b)
		}
	}
}
