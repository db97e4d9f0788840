// Package configz asks a runtime what it enforces.
//
// The question goes over plain HTTP to an address that a pod's status names, and
// anything may answer there. So an answer is bounded in time and size, only its
// documented members are read, and what is passed on to people is cut and
// printable.
package configz

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"time"
)

const (
	// Timeout bounds one question, from connecting to the last byte.
	Timeout = 2 * time.Second
	// maxBytes is far more than a revision and an error need.
	maxBytes = 64 << 10
)

// revision is what a runtime calls a configuration; "" is none.
var revision = regexp.MustCompile(`^[0-9a-f]{0,64}$`)

// Answer is what a runtime says about itself.
type Answer struct {
	// Revision is the configuration in force, "" before the first.
	Revision string
	// Refusal is why a newer one is not in force, "" if none was refused. It is at
	// most 512 printable characters.
	Refusal string
}

// Client asks runtimes.
type Client struct{ http *http.Client }

// NewClient returns a Client that asks through c; see NewHTTPClient.
func NewClient(c *http.Client) *Client { return &Client{http: c} }

// NewHTTPClient returns the client for questions to pods: no proxy, since pods
// are near; no redirects, since a pod speaks for itself only; and a connection
// for each question, since the address may be another pod's by the next one.
func NewHTTPClient() *http.Client {
	return &http.Client{
		Timeout: Timeout,
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: Timeout}).DialContext,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxBytes,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Ask asks the admin listener at address, "10.0.0.7:9090". The text of an error is
// the same for the same trouble, so that conditions can carry it.
func (c *Client) Ask(ctx context.Context, address string) (Answer, error) {
	body, err := c.get(ctx, "http://"+address+"/configz")
	if err != nil {
		return Answer{}, errors.New(printable(reason(err)))
	}
	return decode(body)
}

func (c *Client) get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET /configz answers %d, want 200", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBytes {
		return nil, fmt.Errorf("GET /configz answers with more than %d bytes", maxBytes)
	}
	return body, nil
}

// decode reads what runtime/app serves. An answer without a revision is not one:
// any JSON object would else be a runtime that enforces nothing yet.
func decode(body []byte) (Answer, error) {
	var said struct {
		Revision *string `json:"revision"`
		Error    string  `json:"error"`
	}
	if err := json.Unmarshal(body, &said); err != nil || said.Revision == nil || !revision.MatchString(*said.Revision) {
		return Answer{}, errors.New("what GET /configz answers is not from a runtime")
	}
	return Answer{Revision: *said.Revision, Refusal: printable(said.Error)}, nil
}
