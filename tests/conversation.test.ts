/** The main job: two sessions on one machine find each other and talk. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Runtime, Sandbox } from './helpers/sandbox.ts';

describe.each<Runtime>(['node', 'bun'])('two sessions under %s', (runtime) => {
  let box: Sandbox;
  beforeAll(async () => {
    box = await Sandbox.create();
  });
  afterAll(() => box.close());

  it('find each other, talk, and the sender learns that it was read', async () => {
    const claude = await box.session({ name: 'alpha', runtime });
    const codex = await box.session({ side: 'codex', name: 'bravo', runtime });
    expect((await codex.tool('whoami')).text).toContain('bravo [codex]');

    const { text } = await claude.tool('list_peers');
    expect(text).toContain('bravo [codex]');

    const sent = await claude.tool('send_message', {
      to_id: 'bravo',
      message: 'is the login branch yours?',
      intent: 'request',
    });
    expect(sent.text).toMatch(/^m\w+: waiting for the next tool call of bravo/);
    const id = sent.text.split(':')[0] ?? '';

    const got = await codex.tool('list_peers');
    expect(got.text).toContain('[PEER INBOX] 1 new');
    expect(got.text).toContain('> is the login branch yours?');
    expect(got.text).toContain(id);

    const answer = await codex.tool('send_message', {
      to_id: 'alpha',
      message: 'yes, since this morning',
      reply_to: id,
    });
    expect(answer.isError).toBe(false);
    expect(answer.text).toContain('pushed (channel)');

    const event = await claude.channelEvent('yes, since this morning');
    expect(event.meta).toMatchObject({ from_name: 'bravo', from_kind: 'codex', reply_to: id });

    const status = await claude.tool('message_status', { message_id: id });
    expect(status.text).toContain('bravo: confirmed');
    expect(status.text).toContain('Already pushed to you');
  });
});
