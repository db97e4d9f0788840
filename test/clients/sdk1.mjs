// The TypeScript SDK 1.x, which speaks revisions up to 2025-11-25.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { story } from './story.mjs';

await story({
  Transport: StreamableHTTPClientTransport,
  Unauthorized: UnauthorizedError,
  finish: (transport, query) => transport.finishAuth(query.get('code')),
  connect: async (transport) => {
    const client = new Client({ name: 'clients-sdk1', version: '1' });
    await client.connect(transport);
    return client;
  },
});
