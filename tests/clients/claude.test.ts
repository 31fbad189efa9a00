/** What this project relies on in Claude Code, seen with the real program. A new version that breaks one of these breaks us. */
import { expect, inject, test } from 'vitest';
import { call } from './models/directives.ts';
import { claudeRig, openDesk } from './rig.ts';

test('print mode: the model calls a tool of the server and gets its answer', async () => {
  const desk = await openDesk();
  const { claude, model } = await claudeRig({ server: desk.server(inject('probe')) });

  const ended = await claude.print(`Start. ${call('echo', { word: 'marble' })}`);

  expect(ended.code, ended.stderr).toBe(0);
  expect(ended.stdout).toContain('End of script.');
  await model.until('ECHO {"word":"marble"}');
  const { meta } = await desk.call('echo');
  expect(meta).toHaveProperty('claudecode/toolUseId');
});

test('long-lived session: a line in its inbox socket starts a turn while it is idle', async () => {
  const desk = await openDesk();
  const { claude, model } = await claudeRig({ server: desk.server(inject('probe')) });
  const session = claude.stream();
  await session.turn('Good morning.');
  const from = session.events.size;

  desk.order({
    kind: 'inbox',
    text: `<cross-session-message from="agent-peers:bravo" from-name="bravo">\nwake up ${call('echo', { word: 'granite' })}\n</cross-session-message>`,
  });

  await model.until((request) => request.news.includes('wake up'));
  await model.until('ECHO {"word":"granite"}');
  await session.turnEnded({ from });
});

test('long-lived session: what comes to the inbox while a tool runs reaches the model in the same turn', async () => {
  const desk = await openDesk();
  const { claude, model } = await claudeRig({ server: desk.server(inject('probe')) });
  const session = claude.stream();
  await desk.next('ready');
  const turn = model.hold();
  session.say(`Work. ${call('echo', { step: 1 })} ${call('echo', { step: 2 })}`);
  await model.until('Work.');

  desk.order({
    kind: 'inbox',
    text: '<cross-session-message from="agent-peers:bravo" from-name="bravo">\nin between\n</cross-session-message>',
  });
  turn.release();

  const heard = await model.until('in between');
  expect(heard.news, 'it comes with a tool result, not in a turn of its own').toContain('ECHO');
  await session.turnEnded();
});

test('hooks call tools that the model does not see, and their context reaches it', async () => {
  const desk = await openDesk();
  const hook = (event: string) => ({ type: 'mcp_tool', server: 'agent-peers', tool: 'hook_context', input: { event } });
  const { claude, model } = await claudeRig({
    server: desk.server(inject('probe')),
    settings: {
      hooks: {
        UserPromptSubmit: [{ hooks: [hook('UserPromptSubmit')] }],
        PostToolUse: [{ matcher: '', hooks: [hook('PostToolUse')] }],
        Stop: [
          {
            hooks: [
              {
                type: 'mcp_tool',
                server: 'agent-peers',
                tool: 'hook_stop',
                input: { again: '$' + '{stop_hook_active}' },
              },
            ],
          },
        ],
      },
    },
  });

  await claude.print(`Start. ${call('echo', { word: 'slate' })}`);

  const first = await model.until('CONTEXT OF UserPromptSubmit');
  expect(first.tools.map((tool) => tool.name)).toContain('mcp__agent-peers__echo');
  expect(first.tools.map((tool) => tool.name)).not.toContain('mcp__agent-peers__hook_context');
  await model.until('CONTEXT OF PostToolUse');
  await model.until('STOPPED ONCE');
  const { meta } = await desk.call('hook_context');
  expect(meta, 'a call by a hook can be told from the model’s').toEqual({});
});

test('terminal: a typed line becomes a turn', async () => {
  const desk = await openDesk();
  const { claude, model } = await claudeRig({ server: desk.server(inject('probe')) });
  const terminal = claude.terminal();
  await desk.next('ready');
  await terminal.shows('? for shortcuts');
  // The terminal does not wait for MCP servers: what they offer is there from one of the next turns on.
  await terminal.say('Good morning.');
  await terminal.shows('End of script.');

  await terminal.say(`typed by hand ${call('echo', { word: 'basalt' })}`);

  await model.until('typed by hand');
  await model.until('ECHO {"word":"basalt"}');
});
