// The TypeScript SDK 2.x, which speaks 2026-07-28.
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { story } from './story.mjs';

await story({
  Transport: StreamableHTTPClientTransport,
  Unauthorized: UnauthorizedError,
  finish: (transport, query) => transport.finishAuth(query),
  connect: async (transport) => {
    const client = new Client({ name: 'clients-sdk2', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    await client.connect(transport);
    return client;
  },
});
