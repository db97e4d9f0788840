package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

const scope = "conformance"

// configFile is the runtime's configuration, which a scenario changes while the
// server runs.
type configFile struct {
	path string

	mu      sync.Mutex
	config  config.RuntimeConfig
	tools   []config.Tool
	changes int
}

func newConfigFile(dir, resource, issuer string) *configFile {
	c := &configFile{path: filepath.Join(dir, "config.json"), config: config.RuntimeConfig{
		Name: "conformance/server", Title: "Conformance", Resource: resource, Issuer: issuer, Audience: resource,
		Scopes: []config.Scope{{Name: scope}}, RequiredScopes: []string{scope},
	}}
	for _, t := range tools() {
		c.tools = append(c.tools, t.declaration())
	}
	return c
}

// write replaces the file in one step, as the kubelet does.
func (c *configFile) write() error {
	c.config.Tools = slices.Concat(c.tools, []config.Tool{changing(c).declaration()})
	raw, err := config.Encode(&c.config)
	if err != nil {
		return err
	}
	next := c.path + ".next"
	if err := os.WriteFile(next, raw, 0o600); err != nil {
		return err
	}
	return os.Rename(next, c.path)
}

// changing changes the tool list, and with it the configuration, to what it never
// was before: of two changes that the runtime reads at once, the second must not
// undo the first.
func changing(c *configFile) tool {
	return tool{
		name: "test_trigger_tool_change", description: fmt.Sprintf("Changes the list of tools (%d times so far)", c.changes),
		handler: func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.changes++
			if err := c.write(); err != nil {
				return nil, err
			}
			return done("the list of tools is about to change")
		},
	}
}
