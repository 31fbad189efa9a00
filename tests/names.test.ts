/** Which peer a session with a PEER_NAME is: after numbers, renames, long names and crowds. */
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeCredential } from '../session/identity.ts';
import { McpClient } from './helpers/mcp-client.ts';
import { Peer } from './helpers/peer.ts';
import { RUNTIMES, Sandbox, type SessionSpec } from './helpers/sandbox.ts';
import { until } from './helpers/until.ts';

let box: Sandbox;
beforeEach(async () => {
  box = await Sandbox.create();
});
afterEach(() => box.close());

interface Started {
  readonly id: string;
  readonly name: string;
  readonly client: McpClient;
  /** What its model has seen so far. */
  seen: string;
}

async function started(client: McpClient): Promise<Started> {
  const { text } = await client.tool('whoami');
  const [, name, id] = /^(\S+) \[\w+\] id (\S+)/m.exec(text) ?? [];
  if (name === undefined || id === undefined) throw new Error(`no name in ${text}`);
  return { id, name, client, seen: text };
}

async function look(session: Started): Promise<string> {
  session.seen += (await session.client.tool('check_messages')).text;
  return session.seen;
}

async function start(name: string, spec: SessionSpec = {}): Promise<Started> {
  return started(await box.session({ side: 'codex', name, ...spec }));
}

async function end(...sessions: readonly Started[]): Promise<void> {
  await Promise.all(sessions.map(({ client }) => client.end()));
}

function write(to: string, message: string) {
  return box.client.call('sendMessage', { to, message });
}

describe('a name with a number', () => {
  it('that a user gave is never handed to the second session of the plain name', async () => {
    const owner = await start('worker-2');
    await end(owner);
    await write('worker-2', 'for worker-2 alone');
    await start('worker');
    const second = await start('worker');
    expect(second.name).toBe('worker-3');
    expect(await look(second)).not.toContain('for worker-2 alone');
    const back = await start('worker-2');
    expect([back.id, back.name]).toEqual([owner.id, 'worker-2']);
    await until(async () => (await look(back)).includes('for worker-2 alone'));
  });

  it('that a second session got stays with the plain name', async () => {
    const first = await start('worker');
    const second = await start('worker');
    await end(first, second);
    const other = await start('worker-2');
    expect([first.id, second.id]).not.toContain(other.id);
    expect(other.name).toBe('worker-2-2');
    expect([(await start('worker')).id, (await start('worker')).id]).toEqual([first.id, second.id]);
  });
});

describe('a peer that was renamed', () => {
  it('is itself again by its new name, and by the old one as long as no other peer has that', async () => {
    const before = await start('bravo');
    await before.client.tool('rename_peer', { new_name: 'boss' });
    await end(before);
    const byOld = await start('bravo');
    expect([byOld.id, byOld.name]).toEqual([before.id, 'boss']);
    await end(byOld);
    expect((await start('boss')).id).toBe(before.id);
  });

  it('is itself again by its new name when another took the old one', async () => {
    const renamed = await start('bravo');
    await renamed.client.tool('rename_peer', { new_name: 'boss' });
    const next = await start('bravo');
    expect(next.name).toBe('bravo');
    await end(renamed, next);
    const [byOld, byNew] = [await start('bravo'), await start('boss')];
    expect([byOld.id, byNew.id]).toEqual([next.id, renamed.id]);
    await end(byNew);
    // nobody else is left who was started as bravo
    expect((await start('bravo')).id).toBe(renamed.id);
  });

  it('by the operator while it was away, is itself again by its new name', async () => {
    const before = await start('bravo');
    await end(before);
    await box.client.call('renamePeer', { peer: 'bravo', new_name: 'boss' });
    expect((await start('boss')).id).toBe(before.id);
  });
});

describe('many sessions of one name', () => {
  it('that is 32 long are the same peers again', async () => {
    const name = 'x'.repeat(32);
    const open = () => Promise.all(Array.from({ length: 8 }, () => start(name)));
    const first = await open();
    await end(...first);
    const again = await open();
    expect(ids(again)).toEqual(ids(first));
  });

  it('may be more than a hundred', async () => {
    await box.broker();
    const { credential } = homeCredential(box.location.home);
    // together: a session that asks for no mail within 2 s counts as gone, and its name as free
    const crowd = await Promise.all(
      Array.from({ length: 120 }, () => Peer.register(box.client, 'crowd', { credential })),
    );
    expect(new Set(crowd.map(({ id }) => id)).size).toBe(120);
    await Promise.all(crowd.map((peer) => peer.call('closeSession', {})));
    expect((await start('crowd')).id).toBe(crowd.find(({ name }) => name === 'crowd')?.id);
  });

  it('and different conversations: each conversation finds its own peer', async () => {
    const one = { side: 'claude', env: { CLAUDE_CODE_SESSION_ID: 'conversation-one' } } as const;
    const two = { side: 'claude', env: { CLAUDE_CODE_SESSION_ID: 'conversation-two' } } as const;
    const [first, second] = [await start('worker', one), await start('worker', two)];
    await end(first, second);
    expect([(await start('worker', two)).id, (await start('worker', one)).id]).toEqual([second.id, first.id]);
  });
});

function ids(sessions: readonly Started[]): string[] {
  return sessions.map(({ id }) => id).sort();
}

describe('the name of the human', () => {
  it('is nobody else, in whatever letters', async () => {
    const impostor = await start('Operator');
    expect(impostor.name).toBe('Operator-2');
    expect((await impostor.client.tool('rename_peer', { new_name: 'OPERATOR' })).text).toContain('Error name_taken');
    await end(impostor);
    expect((await start('operator')).id).toBe(impostor.id);
  });
});

describe('what a session says of its place', () => {
  it('is cut to size, and never a reason to refuse it', async () => {
    const work = `${box.home}/work`;
    const branch = Array.from({ length: 6 }, () => 'b'.repeat(100)).join('/');
    execFileSync('git', ['init', '--quiet', work]);
    execFileSync('git', ['symbolic-ref', 'HEAD', `refs/heads/${branch}`], { cwd: work });
    const conversation = 'c'.repeat(300);
    const env = { CLAUDE_CODE_SESSION_ID: conversation };
    const { id, client } = await start('place', { side: 'claude', clientName: '🦊'.repeat(500), env });
    const { peers } = await box.client.call('listPeers', {});
    expect(peers.find((peer) => peer.id === id)?.branch).toMatch(/^b{100}\/b{100}\/b+$/);
    await client.end();
    expect((await started(await box.session({ env }))).id).toBe(id);
    expect((await started(await box.session({ env: { CLAUDE_CODE_SESSION_ID: `${conversation}!` } }))).id).not.toBe(id);
  });

  it('does not hide a name that is far too long', async () => {
    const { text } = await (await box.session({ name: 'n'.repeat(1_000) })).tool('whoami');
    expect(text).toContain('Error invalid_name');
  });
});

describe('a session that can write no file', () => {
  /** Every write to a file fails for it as on a disk that has no room. */
  async function withoutRoom(name: string): Promise<Started> {
    const { command, entry } = RUNTIMES.node;
    const env = { AGENT_PEERS_ENABLED: '1', PEER_NAME: name };
    const child = box.run('sh', ['-c', 'ulimit -f 0 && exec "$0" "$1"', command, entry('codex-server')], { env });
    const client = new McpClient(child);
    await client.initialize('codex-mcp-client');
    return started(client);
  }

  it('is the same peer at its next start, there and where there is room, and logs why', async () => {
    await box.broker();
    const first = await withoutRoom('bravo');
    await until(() => first.client.stderr.includes('storage_full'));
    expect(first.client.stderr).not.toContain('internal');
    expect(first.client.stderr).not.toContain('bug');
    await end(first);
    const second = await withoutRoom('bravo');
    expect(second.id).toBe(first.id);
    await end(second);
    expect((await start('bravo')).id).toBe(first.id);
  });
});
