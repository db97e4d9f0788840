// Package checks tests the authorization of an MCP server, an OAuth 2.1
// resource server, from outside: it is the authorization server that the server
// under test trusts, mints good and bad tokens, and looks at the answers.
//
// A [Check] is data, and a function that sends something and judges what comes
// back. The files are named after what they look at; [All] lists them. To add a
// check, add it to the list of its file.
package checks
