/** `status` and `kill-broker`: the life of the broker as its user sees it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chooseDriver } from '../../broker/store/drivers/choose.ts';
import type { Response } from '../../shared/contract/index.ts';
import { VERSION } from '../../shared/version.ts';
import { CliSandbox, DANGEROUS, HOSTILE } from './helpers.ts';

type Status = Response<'brokerStatus'>;

let sandbox: CliSandbox;
beforeAll(async () => {
  sandbox = await CliSandbox.make();
});
afterAll(() => sandbox.close());

describe('with a broker', () => {
  beforeAll(async () => {
    await sandbox.startBroker();
    await sandbox.join('brave-falcon', { cwd: '/srv/shop', branch: 'main' });
    const gone = await sandbox.join('calm-otter', { kind: 'codex' });
    await gone.leave();
  });

  it('shows version, runtime, process, port, database, counts and who is there', async () => {
    const { code, stdout, stderr } = await sandbox.run(['status']);
    const { pid } = await sandbox.client.hello();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`agent-peers broker ${VERSION} is running on 127.0.0.1:${sandbox.port}`);
    expect(stdout).toMatch(new RegExp(`process +${pid}, [Nn]ode.*, up \\d+`));
    expect(stdout).toMatch(/database +~\/\.agent-peers\.db, \d+(\.\d+)? [KM]B, schema \d+/);
    expect(stdout).toMatch(/peers +\d+ known, 1 live session\n/);
    expect(stdout).toMatch(/messages +0 waiting, 0 confirmed, 0 orphaned/);
    expect(stdout).toMatch(/your inbox +empty/);
    expect(stdout).toMatch(/brave-falcon +claude +online .*\/srv\/shop +main/);
    expect(stdout).not.toContain('calm-otter');
  });

  it('shows offline peers with --all', async () => {
    const { stdout } = await sandbox.run(['status', '--all']);
    expect(stdout).toMatch(/calm-otter +codex +offline/);
  });

  it('gives programs the whole answer', async () => {
    const { code, value } = await sandbox.json<Status>(['status']);
    expect(code).toBe(0);
    expect(value).toMatchObject({ version: VERSION, port: sandbox.port, counts: { sessions: 1 } });
    expect(value.database.path).toBe(`${sandbox.home}/.agent-peers.db`);
    expect(value.database.driver).toBe((await chooseDriver()).name);
    expect(value.peers.map((peer) => peer.name)).toEqual(['brave-falcon']);
  });

  it('accepts --json before the command too', async () => {
    const { stdout } = await sandbox.run(['--json', 'status']);
    expect(JSON.parse(stdout)).toMatchObject({ version: VERSION });
  });

  it('says how many messages wait for the human', async () => {
    const agent = await sandbox.join('quick-heron');
    await agent.send(await sandbox.operatorId(agent), 'are you there?');
    const { stdout } = await sandbox.run(['status']);
    expect(stdout).toMatch(/your inbox +1 unread: agent-peers inbox/);
    await agent.leave();
  });

  it('lets nothing that a peer says of itself reach the terminal', async () => {
    const agent = await sandbox.join('sly-fox', { cwd: `/srv/${HOSTILE}`, branch: HOSTILE });
    await agent.update({ summary: HOSTILE, status_message: HOSTILE });
    const text = await sandbox.run(['status']);
    expect(text.code).toBe(0);
    expect(text.stdout).toContain('sly-fox');
    expect(text.stdout).not.toMatch(DANGEROUS);
    const raw = await sandbox.run(['status', '--json']);
    expect(raw.stdout).not.toMatch(DANGEROUS);
    const shown = (JSON.parse(raw.stdout) as Status).peers.find((peer) => peer.name === 'sly-fox');
    expect(shown?.cwd).toContain('\u001b]0;owned\u0007');
    await agent.leave();
  });

  it('ends quietly when nobody reads its output', async () => {
    const { stdout, stderr } = await sandbox.pipe('status --json', 'head -n 1');
    expect({ stdout, stderr }).toEqual({ stdout: '{\n', stderr: 'code 0\n' });
  });
});

describe('starting and ending', () => {
  beforeEach(() => sandbox.endBroker());

  it('status --start starts a broker, and leaves one that runs alone', async () => {
    const first = await sandbox.json<Status>(['status', '--start']);
    const second = await sandbox.json<Status>(['status', '--start']);
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(second.value.pid).toBe(first.value.pid);
  });

  it('kill-broker returns when the port is free', async () => {
    const pid = await sandbox.startBroker();
    const { code, stdout } = await sandbox.run(['kill-broker']);
    expect(code).toBe(0);
    expect(stdout).toBe(`The broker, process ${pid}, has ended.\n`);
    await expect(sandbox.client.hello()).rejects.toMatchObject({ code: 'broker_unavailable' });
  });

  it('kill-broker tells programs which process ended', async () => {
    const pid = await sandbox.startBroker();
    expect(await sandbox.json(['kill-broker'])).toEqual({ code: 0, value: { pid, successor_pid: null } });
  });

  it('does not start a broker that was only asked for', async () => {
    expect((await sandbox.run(['status'])).code).toBe(5);
    await expect(sandbox.client.hello()).rejects.toMatchObject({ code: 'broker_unavailable' });
  });
});
