/** What this project relies on in Codex, seen with the real program. A new version that breaks one of these breaks us. */
import { expect, inject, test } from 'vitest';
import { z } from 'zod';
import { until } from '../helpers/until.ts';
import { call } from './models/directives.ts';
import { codexRig, openDesk } from './rig.ts';

const loaded = z.object({ data: z.array(z.string()) });
const started = z.object({ turn: z.object({ id: z.string(), status: z.string() }) });
const thread = z.object({
  thread: z.object({
    cwd: z.string(),
    originator: z.string(),
    ephemeral: z.boolean(),
    status: z.object({ type: z.string() }),
  }),
});

test('exec: the model calls a tool without approval and gets its answer', async () => {
  const desk = await openDesk();
  const { codex, model } = await codexRig({ server: desk.server(inject('probe')) });

  const ended = await codex.exec(`Start. ${call('echo', { word: 'marble' })}`);

  expect(ended.code, ended.stderr).toBe(0);
  expect(ended.stdout).toContain('End of script.');
  await model.until('ECHO {"word":"marble"}');
  const { meta } = await desk.call('echo');
  expect(meta).toMatchObject({ threadId: expect.any(String), callId: expect.any(String) });
});

test('hooks call tools that the model does not see, and their context reaches it', async () => {
  const desk = await openDesk();
  const hook = (event: string) => `
[[hooks.${event}]]
[[hooks.${event}.hooks]]
type = "mcp_tool"
server = "agent-peers"
tool = "hook_context"
input = { event = "${event}" }`;
  const stop =
    `
[[hooks.Stop]]
[[hooks.Stop.hooks]]
type = "mcp_tool"
server = "agent-peers"
tool = "hook_stop"
input = { again = "$` + `{stop_hook_active}" }`;
  const hooks = [hook('SessionStart'), hook('UserPromptSubmit'), hook('PostToolUse'), stop].join('\n');
  const { codex, model } = await codexRig({ server: desk.server(inject('probe')), hooks });

  await codex.exec(`Start. ${call('echo', { word: 'slate' })}`);

  const first = await model.until('CONTEXT OF UserPromptSubmit');
  expect(first.news).toContain('CONTEXT OF SessionStart');
  expect(first.tools.map((tool) => tool.name)).toContain('echo');
  expect(first.tools.map((tool) => tool.name)).not.toContain('hook_context');
  await model.until('CONTEXT OF PostToolUse');
  await model.until('STOPPED ONCE');
  const { meta } = await desk.call('hook_context');
  expect(meta).toHaveProperty('threadId');
  expect(meta, 'a call by a hook can be told from the model’s').not.toHaveProperty('callId');
});

test('terminal: the app-server wakes an idle thread, and steers a busy one', async () => {
  const desk = await openDesk();
  const { codex, model, sandbox } = await codexRig({ server: desk.server(inject('probe')) });
  const terminal = codex.terminal();
  const probe = await desk.next('start');
  await desk.next('ready');
  const server = await codex.appServer();
  // the thread is listed a moment after its MCP servers have started
  const threadId = await until(async () => loaded.parse(await server.ask('thread/loaded/list', {})).data[0]);
  expect(thread.parse(await server.ask('thread/read', { threadId })).thread).toEqual({
    cwd: sandbox.project,
    originator: 'codex-tui',
    ephemeral: false,
    status: { type: 'idle' },
  });
  expect(probe.cwd).toBe(sandbox.project);
  const untrusted = (value: string) => ({ 'agent-peers': { value, kind: 'untrusted', name: 'peer_message' } });

  const turn = model.hold();
  const first = started.parse(
    await server.ask('turn/start', {
      threadId,
      turnTrigger: 'agent-peers',
      input: [],
      additionalContext: untrusted(`wake up ${call('echo', { word: 'granite' })}`),
    }),
  );
  await model.until('wake up');
  await server.notifications.until(
    ({ method, params }) => method === 'thread/status/changed' && JSON.stringify(params).includes('"active"'),
  );

  const second = started.parse(
    await server.ask('turn/start', {
      threadId,
      turnTrigger: 'agent-peers',
      input: [{ type: 'text', text: 'one more', text_elements: [] }],
      additionalContext: untrusted('and this'),
    }),
  );
  expect(second.turn.id, 'a turn that runs is steered, not doubled').toBe(first.turn.id);
  turn.release();

  const heard = await model.until('one more');
  expect(heard.news).toContain('and this');
  await model.until((request) => request.text.includes('ECHO {"word":"granite"}'));
  const { meta } = await desk.call('echo');
  expect(meta).toMatchObject({
    threadId,
    'x-codex-turn-metadata': { turn_trigger: 'agent-peers', turn_id: first.turn.id },
  });
  await server.notifications.until(
    ({ method, params }) => method === 'thread/status/changed' && JSON.stringify(params).includes('"idle"'),
  );
  await terminal.shows('End of script.');
  server.close();
});
