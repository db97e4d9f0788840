// The TypeScript SDK 2.x with tokens that are bound to a key of its own (RFC 9449).
import { Client, DpopSession, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { story } from './story.mjs';

await story({
  Transport: StreamableHTTPClientTransport,
  Unauthorized: UnauthorizedError,
  finish: (transport, query) => transport.finishAuth(query),
  prepare: async (person) => {
    const session = await DpopSession.create();
    person.dpop = () => session;
  },
  connect: async (transport) => {
    const client = new Client({ name: 'clients-sdk2-dpop', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    await client.connect(transport);
    return client;
  },
});
