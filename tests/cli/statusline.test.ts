/** `statusline`: the one line that Claude Code shows for its session. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CliSandbox } from './helpers.ts';

let sandbox: CliSandbox;
beforeAll(async () => {
  sandbox = await CliSandbox.make();
});
afterAll(() => sandbox.close());

const stdin = JSON.stringify({ hook_event_name: 'Status', session_id: 'conversation-1', model: { id: 'x' }, cwd: '/' });
const plain = { stdin, env: { NO_COLOR: '1' } };

it('says "off" where no broker runs, and starts none', async () => {
  expect(await sandbox.run(['statusline'], plain)).toEqual({ code: 0, stdout: 'peers: off\n', stderr: '' });
  await expect(sandbox.client.hello()).rejects.toMatchObject({ code: 'broker_unavailable' });
});

it('shows the name, the waiting mail and the push route of the session that asks', async () => {
  await sandbox.startBroker();
  const conversation = { client: 'claude', id: 'conversation-1' } as const;
  const falcon = await sandbox.join('brave-falcon', {
    conversation,
    credential: 'of this home',
    push_route: 'inbox-socket',
  });
  const other = await sandbox.join('calm-otter');
  expect((await sandbox.run(['statusline'], plain)).stdout).toBe('brave-falcon inbox-socket\n');
  await falcon.leave();
  await other.send('brave-falcon', 'one');
  await other.send('brave-falcon', 'two');
  expect((await sandbox.run(['statusline'], plain)).stdout).toBe('brave-falcon ✉ 2 offline\n');
  const { value } = await sandbox.json(['statusline'], { stdin });
  expect(value).toEqual({ name: 'brave-falcon', unread: 2, push_route: 'none' });
  await other.leave();
});

it.each([
  ['nothing', ''],
  ['no JSON', 'x'],
  ['another session', '{"session_id":"other"}'],
])('takes %s for a session without a peer', async (_what, input) => {
  expect(await sandbox.run(['statusline'], { ...plain, stdin: input })).toMatchObject({
    code: 0,
    stdout: 'peers: off\n',
  });
});
