/** Without a broker: commands that only look say so and start none; usage errors and help need none. */
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliSandbox } from './helpers.ts';

let sandbox: CliSandbox;
beforeAll(async () => {
  sandbox = await CliSandbox.make();
});
afterAll(() => sandbox.close());

const LOOKING = [
  ['status'],
  ['peers'],
  ['inbox'],
  ['inbox', '--wait', '30'],
  ['rename', 'brave-falcon', 'backend'],
  ['orphaned-messages'],
  ['requeue', 'm0', '--to', 'brave-falcon'],
];

describe.each(LOOKING)('agent-peers %s', (...args) => {
  it('says that no broker runs and how to start one', async () => {
    const { code, stdout, stderr } = await sandbox.run(args);
    expect(code).toBe(5);
    expect(stdout).toBe('');
    expect(stderr).toContain(`error: No broker runs on 127.0.0.1:${sandbox.port}.`);
    expect(stderr).toContain('hint: Start one with: agent-peers status --start');
    await expect(sandbox.client.hello()).rejects.toMatchObject({ code: 'broker_unavailable' });
  });

  it('says the same as one JSON document', async () => {
    const { code, value } = await sandbox.json(args);
    expect(code).toBe(5);
    expect(value).toEqual({
      error: {
        code: 'broker_unavailable',
        message: expect.any(String),
        hint: expect.stringContaining('status --start'),
      },
    });
  });
});

describe('agent-peers kill-broker', () => {
  it('is content when none runs', async () => {
    const { code, stdout } = await sandbox.run(['kill-broker']);
    expect(code).toBe(0);
    expect(stdout).toBe(`No broker runs on 127.0.0.1:${sandbox.port}.\n`);
    expect(await sandbox.json(['kill-broker'])).toEqual({ code: 0, value: { pid: null, successor_pid: null } });
  });
});

describe('a command line that makes no sense', () => {
  it.each([
    [['statsu'], "Unknown command 'statsu'.", 'Did you mean status?'],
    [['send', 'brave-falcon'], "Missing required argument 'message'.", 'agent-peers send --help'],
    [['send', 'brave-falcon', '-x', 'hi'], "Unknown option '-x'.", 'Text that begins with a dash goes after --.'],
    [['send', 'a', 'hi', '--intent', 'shout'], 'Allowed choices are request, inform, ack-not-needed.', 'send --help'],
    [['peers', '--scope', 'galaxy'], 'Allowed choices are machine, directory, repo.', 'agent-peers peers --help'],
    [['inbox', '--wait', 'long'], "argument 'long' is invalid", 'agent-peers inbox --help'],
    [['requeue', '--to', 'a'], 'Say what to move', 'agent-peers requeue --help'],
    [['requeue', 'm0', '--from', 'b', '--to', 'a'], 'Say what to move', 'agent-peers requeue --help'],
    [['requeue', 'm0'], "Required option '--to <peer>' not specified.", 'agent-peers requeue --help'],
    [['status', 'extra'], "Too many arguments for 'status'.", 'agent-peers status --help'],
  ])('%j ends with 2, says what is wrong and where help is', async (args, message, hint) => {
    const { code, stdout, stderr } = await sandbox.run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: .+\nhint: .+\n$/);
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
    const { value } = await sandbox.json<{ error: { message: string } }>(args);
    expect(value.error).toMatchObject({ code: 'invalid_request' });
    expect(value.error.message).toContain(message);
  });

  it('shows help when no command is given, and counts it as an error', async () => {
    const { code, stdout, stderr } = await sandbox.run([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: agent-peers');
  });

  it('names the setting that is wrong', async () => {
    const { code, stderr } = await sandbox.run(['status'], { env: { AGENT_PEERS_PORT: 'http' } });
    expect(code).toBe(2);
    expect(stderr).toContain('AGENT_PEERS_PORT is "http"');
    expect(stderr).not.toContain('    at ');
  });
});

describe('help', () => {
  it.each(['status', 'peers', 'rename', 'send', 'inbox', 'orphaned-messages', 'requeue', 'kill-broker'])(
    'of %s has examples',
    async (command) => {
      const { code, stdout } = await sandbox.run([command, '--help']);
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: agent-peers ${command}`);
      expect(stdout).toContain('--json');
      expect(stdout).toMatch(new RegExp(`Examples:\\n {2}.*agent-peers ${command}`));
    },
  );

  it('lists every command, whatever the settings are', async () => {
    const { code, stdout } = await sandbox.run(['--help'], { env: { AGENT_PEERS_PORT: 'http' } });
    expect(code).toBe(0);
    for (const command of ['status', 'peers', 'send', 'inbox', 'requeue', 'kill-broker']) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    }
  });
});

describe('a port that something else holds', () => {
  let stranger: Server;
  let heard = '';
  beforeAll(async () => {
    stranger = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        heard += chunk.toString('latin1');
        socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
      });
    });
    await new Promise<void>((done) => stranger.listen(sandbox.port, '127.0.0.1', done));
  });
  afterAll(() => new Promise((done) => stranger.close(done)));

  it.each([[['status']], [['send', 'brave-falcon', 'the secret plan']], [['kill-broker']]])(
    '%j names the setting to change, and tells the stranger nothing',
    async (args) => {
      const { code, stderr } = await sandbox.run(args);
      expect(code).toBe(5);
      expect(stderr).toContain(`Port ${sandbox.port}`);
      expect(stderr).toContain('AGENT_PEERS_PORT');
      expect(heard).not.toContain('secret plan');
      expect(heard.toLowerCase()).not.toContain('authorization');
    },
  );
});
