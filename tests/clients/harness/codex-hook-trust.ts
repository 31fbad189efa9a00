/** Gives Codex the user's consent to the hooks in its configuration, which its terminal program would ask for. */
import { z } from 'zod';
import { type Launch, PipedClient } from './piped-client.ts';

const hookList = z.object({
  data: z.array(z.object({ hooks: z.array(z.object({ key: z.string(), currentHash: z.string() })) })),
});

/** @param launch starts `codex app-server`, which speaks JSON-RPC lines and needs no daemon */
export async function trustHooks(launch: Launch, project: string): Promise<void> {
  const server = new PipedClient(launch);
  let lastId = 0;
  const ask = async (method: string, params: unknown): Promise<unknown> => {
    const id = ++lastId;
    server.write(JSON.stringify({ id, method, params }));
    const line = await server.lines.until((text) => (JSON.parse(text) as { id?: number }).id === id);
    const { result, error } = JSON.parse(line) as { result?: unknown; error?: unknown };
    if (error !== undefined) throw new Error(`Codex refused ${method}: ${JSON.stringify(error)}`);
    return result;
  };
  await ask('initialize', {
    clientInfo: { name: 'agent_peers_tests', title: 'agent-peers tests', version: '0' },
    capabilities: { experimentalApi: true },
  });
  server.write(JSON.stringify({ method: 'initialized' }));
  const { data } = hookList.parse(await ask('hooks/list', { cwds: [project] }));
  const trusted = data
    .flatMap(({ hooks }) => hooks)
    .map(({ key, currentHash }) => [key, { trusted_hash: currentHash }]);
  await ask('config/batchWrite', {
    edits: [{ keyPath: 'hooks.state', value: Object.fromEntries(trusted), mergeStrategy: 'upsert' }],
  });
  server.closeInput();
  await server.ended();
}
