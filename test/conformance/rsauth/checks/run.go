package checks

import (
	"context"
	"fmt"
)

// Result is how one check ended.
type Result struct {
	Check  string `json:"check"`
	Row    string `json:"row"`
	Level  Level  `json:"level"`
	Status Status `json:"status"`
	// Sent is what was sent, Got what came back, or why the check was skipped, and
	// Want what has to come back.
	Sent      string `json:"sent"`
	Got       string `json:"got"`
	Want      string `json:"want"`
	Reference string `json:"reference"`
}

// Report is how a run ended.
type Report struct {
	URL      string `json:"url"`
	Issuer   string `json:"issuer"`
	Revision string `json:"revision"`
	// Tokens is the kind of access token, and DPoP what the server takes of it,
	// as in Config.
	Tokens  string   `json:"tokens"`
	DPoP    string   `json:"dpop,omitempty"`
	Results []Result `json:"results"`
}

// Run runs the checks that names select, rows or ids; none select all. It
// returns an error when the server does not answer or does not accept a good
// token, or when a name selects nothing.
func Run(ctx context.Context, c Config, names ...string) (*Report, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	chosen, err := choose(names)
	if err != nil {
		return nil, err
	}
	t := newTarget(c)
	defer t.client.CloseIdleConnections()
	if err := t.prepare(ctx); err != nil {
		return nil, err
	}
	report := &Report{URL: c.URL, Issuer: c.Issuer.Issuer(), Revision: c.Revision, Tokens: c.Tokens, DPoP: c.DPoP}
	for i := range chosen {
		report.Results = append(report.Results, run(ctx, t, &chosen[i]))
	}
	return report, ctx.Err()
}

func choose(names []string) ([]Check, error) {
	for _, name := range names {
		found := false
		for _, c := range All() {
			found = found || selected(&c, []string{name})
		}
		if !found {
			return nil, fmt.Errorf("no check and no row is named %q", name)
		}
	}
	var chosen []Check
	for _, c := range All() {
		if selected(&c, names) {
			chosen = append(chosen, c)
		}
	}
	return chosen, nil
}

func run(ctx context.Context, t *target, c *Check) Result {
	result := Result{Check: c.ID, Row: c.Row(), Level: c.Level, Sent: c.Sends, Want: c.Wants, Reference: c.Reference}
	if why := c.excuse(t); why != "" {
		result.Status, result.Got = Skip, why
		return result
	}
	found, err := c.probe(ctx, t)
	if err != nil {
		found = finding{Fail, err.Error()}
	}
	result.Status, result.Got = found.status, found.got
	return result
}

// Failed returns the results of the level that failed.
func (r *Report) Failed(level Level) []Result {
	var failed []Result
	for _, result := range r.Results {
		if result.Status == Fail && result.Level == level {
			failed = append(failed, result)
		}
	}
	return failed
}
