// An authorization server that nobody here wrote: oidc-provider, with what MCP
// asks of one (resource indicators, PKCE, registration), and a person who is
// always signed in as alice and agrees to everything.
//
//   node authorization-server.mjs ISSUER [CLIENT SECRET]
//
// With a client and its secret access tokens are opaque, and that client may ask
// what they mean. Otherwise they are JWTs.
//
// It prints the port that it listens on, for whoever serves ISSUER to pass
// requests on to, and ends with its standard input.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [issuer, client, secret] = process.argv.slice(2);
const account = 'alice';
const scopes = ['invoices:read', 'invoices:write'];

const signingKey = {
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
  alg: 'ES256', use: 'sig', kid: 'signing',
};

const provider = new Provider(issuer, {
  jwks: { keys: [signingKey] },
  cookies: { keys: ['of a test'] },
  clients: client ? [{ client_id: client, client_secret: secret, grant_types: [], redirect_uris: [], response_types: [] }] : [],
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  scopes: ['openid', 'offline_access', ...scopes],
  pkce: { required: () => true },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  ttl: { AccessToken: 3600, AuthorizationCode: 60, Grant: 3600, Interaction: 600, Session: 3600, RefreshToken: 3600, IdToken: 3600 },
  features: {
    devInteractions: { enabled: false },
    dPoP: { enabled: true },
    introspection: { enabled: Boolean(client) },
    registration: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => ({
        audience: resource,
        scope: scopes.join(' '),
        accessTokenFormat: client ? 'opaque' : 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});
provider.proxy = true;

// interact does at once what a person would do on the pages of sign-in and
// consent.
async function interact(req, res) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(req, res);
  if (prompt.name === 'login') {
    await provider.interactionFinished(req, res, { login: { accountId: account } });
    return;
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope, missingResourceScopes } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) grant.addResourceScope(resource, scopes.join(' '));
  await provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

// The SDKs register with the scopes of the first challenge, which oidc-provider
// would hold against a client that asks for more later (RFC 7591 section 2 leaves
// that to the authorization server). Step-up needs registrations without a limit.
async function register(req, res) {
  const { scope, ...metadata } = JSON.parse(Buffer.concat(await Array.fromAsync(req)).toString());
  req.body = metadata;
  answer(req, res);
}

const answer = provider.callback();

async function serve(req, res) {
  if (req.url.startsWith('/interaction/')) await interact(req, res);
  else if (req.url === '/reg' && req.method === 'POST') await register(req, res);
  else answer(req, res);
}

const server = createServer((req, res) => {
  serve(req, res).catch((error) => {
    res.statusCode = 500;
    res.end(String(error));
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit(0));
