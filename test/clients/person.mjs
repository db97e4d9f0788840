// What an MCP client for a person is beside its SDK: it keeps tokens, listens for
// the redirect at a loopback address, and has a browser opened.
import { createServer } from 'node:http';

// tell writes a line for the test that runs this.
export function tell(saw, more = {}) {
  console.log(JSON.stringify({ saw, ...more }));
}

// Person implements the OAuthClientProvider of either SDK.
export class Person {
  #server;
  #returned;
  #redirected;

  // start begins to listen for redirects.
  async start() {
    this.#server = createServer((req, res) => {
      res.end('back to the client');
      this.#redirected(new URL(req.url, this.redirectUrl));
    });
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get redirectUrl() {
    return `http://127.0.0.1:${this.#server.address().port}/callback`;
  }

  get clientMetadata() {
    return {
      client_name: 'clients test', redirect_uris: [this.redirectUrl], application_type: 'native',
      token_endpoint_auth_method: 'none', grant_types: ['authorization_code'], response_types: ['code'],
    };
  }

  clientInformation() { return this.client; }
  saveClientInformation(client) { this.client = client; }
  tokens() { return this.saved; }
  saveTokens(tokens) { this.saved = tokens; }
  codeVerifier() { return this.verifier; }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  discoveryState() { return this.discovered; }
  saveDiscoveryState(state) { this.discovered = state; }

  state() { return (this.expected = crypto.randomUUID()); }

  // redirectToAuthorization asks for a browser, which the test is.
  redirectToAuthorization(url) {
    this.#returned = new Promise((resolve) => { this.#redirected = resolve; });
    tell('authorization', { visit: url.href });
  }

  // returned is the query of the redirect that ends the visit.
  async returned() {
    const { searchParams } = await this.#returned;
    if (searchParams.get('state') !== this.expected) throw new Error(`state ${searchParams.get('state')}, want ${this.expected}`);
    if (!searchParams.get('code')) throw new Error(`no code: ${searchParams}`);
    return searchParams;
  }
}
