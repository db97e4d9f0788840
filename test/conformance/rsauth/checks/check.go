package checks

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// Level is how strong a requirement is (RFC 2119).
type Level string

// The levels.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
)

// Status is how a check ended.
type Status string

// The statuses. Skip means that the check does not apply, or that the
// configuration lacks what it needs; the result says which.
const (
	Pass Status = "PASS"
	Fail Status = "FAIL"
	Skip Status = "SKIP"
)

// Check is one thing that a server does right or wrong.
type Check struct {
	// ID is the row of the requirement and a word: "A5.expired".
	ID string
	// Level is that of the requirement.
	Level Level
	// Reference is where the requirement is written.
	Reference string
	// Sends is what is sent, in words.
	Sends string
	// Wants is what has to come back, in words.
	Wants string

	// since is the first protocol revision that the check applies to; empty means
	// every one.
	since string
	// only says which servers the check is for; the zero value means every one.
	only  kind
	probe func(context.Context, *target) (finding, error)
}

// kind is what a server must be configured for to be checked.
type kind int

const (
	ofEveryKind kind = iota
	takesJWT
	takesOpaque
	takesBearer
	takesDPoP
)

// only restricts checks to servers of a kind.
func only(k kind, checks ...Check) []Check {
	for i := range checks {
		checks[i].only = k
	}
	return checks
}

// excuse tells why the check does not apply to the server, "" if it does.
func (c *Check) excuse(t *target) string {
	switch {
	case t.Revision < c.since:
		return "a rule of " + c.since
	case c.only == takesJWT && t.Tokens != TokensJWT:
		return "a rule for JWTs, and tokens are opaque here"
	case c.only == takesOpaque && t.Tokens != TokensOpaque:
		return "a rule for opaque tokens, and tokens are JWTs here"
	case c.only == takesBearer && t.DPoP == DPoPRequired:
		return "a rule for bearer tokens, and none are accepted here"
	case c.only == takesDPoP && t.DPoP == "":
		return "DPoP is not configured"
	}
	return ""
}

// Row is the requirement that the check belongs to: "A5".
func (c *Check) Row() string {
	row, _, _ := strings.Cut(c.ID, ".")
	return row
}

// finding is what a probe found.
type finding struct {
	status Status
	// got is what came back, in words, or why the check was skipped.
	got string
}

// judge makes a finding of an answer.
func judge(a *answer, ok bool) finding {
	if ok {
		return finding{Pass, a.String()}
	}
	return finding{Fail, a.String()}
}

func judgeText(got string, ok bool) finding {
	if ok {
		return finding{Pass, got}
	}
	return finding{Fail, got}
}

func skip(why string) finding { return finding{Skip, why} }

// All returns every check, in order of the rows.
func All() []Check {
	all := slices.Concat(
		metadataChecks(), challengeChecks(),
		tokenChecks(), only(takesJWT, jwtChecks()...), audienceChecks(), carriageChecks(), scopeChecks(),
		caseChecks(), secrecyChecks(), credentialChecks(), boundTokenChecks(), only(takesDPoP, proofChecks()...),
		only(takesJWT, joseChecks()...), only(takesOpaque, introspectionChecks()...),
		loginChecks(), olderChecks(), corsChecks(), accessChecks(),
		methodChecks(), originChecks(), notificationChecks(), headerChecks(), parameterChecks(),
		protocolChecks(), resultChecks(), cacheChecks(), listChecks(), streamChecks(), sessionChecks(),
		inputChecks(), featureChecks(),
	)
	slices.SortStableFunc(all, func(a, b Check) int { return compareRows(a.Row(), b.Row()) })
	return all
}

// compareRows puts A2 before A10, and those before T1.
func compareRows(a, b string) int {
	return cmp.Or(strings.Compare(a[:1], b[:1]), cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// selected tells whether one of the names, rows or ids, selects the check. No
// names select all.
func selected(c *Check, names []string) bool {
	return len(names) == 0 || slices.Contains(names, c.Row()) || slices.Contains(names, c.ID)
}
