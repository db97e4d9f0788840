// The way that every client of this folder goes: it connects, is sent to the
// authorization server, lists the tools, calls one, is denied another, gets the
// scope for it, and calls it again.
import { Person, tell } from './person.mjs';

// story runs with the classes of one SDK:
//
//   connect(transport) returns a connected client
//   Transport          its transport for streamable HTTP
//   Unauthorized       what it throws when a person has to authorize
//   finish(transport, query) redeems what came back with the redirect
//   prepare(person)    changes the person before the first request
export async function story({ connect, Transport, Unauthorized, finish, prepare = () => {} }) {
  const [endpoint] = process.argv.slice(2);
  const person = new Person();
  await person.start();
  await prepare(person);
  const newTransport = () => new Transport(new URL(endpoint), { authProvider: person });

  let transport = newTransport();
  // authorized tries, lets the person authorize if that is needed, and tries again.
  const authorized = async (attempt) => {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Unauthorized)) throw error;
      await finish(transport, await person.returned());
      return attempt();
    }
  };

  const client = await authorized(() => {
    transport = newTransport();
    return connect(transport);
  });
  tell('connected', { protocol: transport.protocolVersion });
  const { tools } = await client.listTools();
  tell('tools', { tools: tools.map((tool) => tool.name) });
  for (const name of ['lookup_invoice', 'void_invoice']) {
    const result = await authorized(() => client.callTool({ name, arguments: { invoiceId: 'INV-2041' } }));
    tell('result', { tool: name, isError: Boolean(result.isError), text: result.content[0].text });
  }
  await client.close();
  person.stop();
}
