/** Putting messages into mailboxes. */
import { MAILBOX_MAX_WAITING } from '../../../shared/limits.ts';
import type { Expect, Test } from '../runner.ts';
import { sentToOne } from '../world.ts';

export function sending(test: Test, expect: Expect): void {
  test('a message comes out as it went in', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const text = 'two\nlines, "quotes", ünïcödé and 🦊';
    const id = await world.send(ann, bob, text, { priority: 'warning' });
    const [message] = await world.lease(bob);
    expect(message).toEqual({
      message_id: id,
      seq: 1,
      conversation_id: id,
      from: { id: ann.id, name: 'ann', kind: 'claude' },
      text,
      sent_at: new Date(world.now).toISOString(),
      reply_to: null,
      intent: 'inform',
      priority: 'warning',
      redelivered: false,
    });
  });

  test('a message is still there after the store was closed and opened again', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.send(ann, bob, 'kept');
    await world.restart();
    expect(await world.texts(bob)).toEqual(['kept']);
  });

  test('a recipient is found by id and by name in any case, and an id beats a name', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('Bob');
    const impostor = await world.join(bob.id);
    await world.trySend(ann, 'bOB', 'by name');
    await world.trySend(ann, bob.id, 'by id');
    expect(await world.texts(bob)).toEqual(['by name', 'by id']);
    expect(await world.texts(impostor)).toEqual([]);
  });

  test('a send to nobody, to oneself, or as an answer to a message one does not know is refused', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    const secret = await world.send(ann, bob, 'between us');
    const nobody = await world.trySend(ann, 'bop', 'hm');
    expect(nobody).toMatchObject({ ok: false, reason: 'no-such-peer' });
    expect(nobody.ok === false && nobody.reason === 'no-such-peer' && [...nobody.names].sort()).toEqual([
      'ann',
      'bob',
      'eve',
      'operator',
    ]);
    expect(nobody).toMatchObject({ ref: 'bop' });
    expect(await world.trySend(ann, 'ann', 'hm')).toEqual({ ok: false, reason: 'to-self' });
    expect(await world.trySend(eve, 'ann', 'hm', { reply_to: secret })).toEqual({
      ok: false,
      reason: 'no-such-reply-to',
    });
    expect((await world.counts()).waiting).toBe(1);
  });

  test('messages of one batch each get their own result, in order', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const outgoing = [
      world.outgoing(ann, 'bob', 'one'),
      world.outgoing(ann, 'nobody', 'two'),
      world.outgoing(bob, 'ann', 'three'),
      world.outgoing(ann, 'bob', 'four'),
    ];
    const results = await world.sendAll(outgoing);
    expect(results.map((sent) => (sent.ok ? sent.message_id : sent.reason))).toEqual([
      outgoing[0]?.id,
      'no-such-peer',
      outgoing[2]?.id,
      outgoing[3]?.id,
    ]);
    expect(await world.texts(bob)).toEqual(['one', 'four']);
    expect(await world.texts(ann)).toEqual(['three']);
  });

  test('a send repeated with its idempotency key is one message, also within a batch and after it was read', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const first = await world.trySend(ann, 'bob', 'once', { key: 'key-0001' });
    const again = await world.trySend(ann, 'bob', 'once', { key: 'key-0001' });
    expect(first).toMatchObject({ ok: true, fresh: true });
    expect(again).toMatchObject({ ok: true, fresh: false });
    expect(again.ok && again.message_id).toBe(first.ok && first.message_id);
    expect(sentToOne(again).record.to).toMatchObject({ id: bob.id, name: 'bob' });

    const twins = [
      world.outgoing(ann, 'bob', 'twice', { key: 'key-0002' }),
      world.outgoing(ann, 'bob', 'twice', { key: 'key-0002' }),
    ];
    const results = await world.sendAll(twins);
    expect(results.map((sent) => sent.ok && sent.fresh)).toEqual([true, false]);
    expect(await world.texts(bob)).toEqual(['once', 'twice']);

    await world.confirm(bob, first.ok ? [first.message_id] : []);
    expect(await world.trySend(ann, 'bob', 'once', { key: 'key-0001' })).toMatchObject({ ok: true, fresh: false });
    expect(await world.texts(bob, true)).toEqual(['twice']);
  });

  test('a key used for another text is refused; another sender may use the same key', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    await world.send(ann, bob, 'one', { key: 'key-0001' });
    expect(await world.trySend(ann, 'bob', 'two', { key: 'key-0001' })).toEqual({ ok: false, reason: 'key-reused' });
    expect(await world.trySend(eve, 'bob', 'one', { key: 'key-0001' })).toMatchObject({ ok: true, fresh: true });
    expect(await world.texts(bob)).toEqual(['one', 'one']);
  });

  test('a key used for another recipient is refused: nobody believes that a message went where it did not', async (world) => {
    const ann = await world.join('ann');
    await world.join('bob');
    const eve = await world.join('eve');
    await world.trySend(ann, 'bob', 'hello', { key: 'key-0001' });
    expect(await world.trySend(ann, 'eve', 'hello', { key: 'key-0001' })).toEqual({ ok: false, reason: 'key-reused' });
    expect(await world.texts(eve)).toEqual([]);
  });

  test('an answer stays in the thread of what it answers, for both sides', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const question = await world.send(ann, bob, 'question');
    const answer = await world.send(bob, ann, 'answer', { reply_to: question });
    const more = await world.send(bob, ann, 'one more thing', { reply_to: answer });
    const got = await world.lease(ann);
    expect(got.map(({ message_id, reply_to, conversation_id }) => [message_id, reply_to, conversation_id])).toEqual([
      [answer, question, question],
      [more, answer, question],
    ]);
  });

  test('a full mailbox refuses more and takes it again once some was read', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const flood = Array.from({ length: MAILBOX_MAX_WAITING + 2 }, () => world.outgoing(ann, 'bob', 'x'));
    const reasons: string[] = [];
    while (flood.length > 0) {
      for (const sent of await world.sendAll(flood.splice(0, 700))) {
        if (!sent.ok) reasons.push(sent.reason);
      }
    }
    expect(reasons).toEqual(['mailbox-full', 'mailbox-full']);
    expect(await world.unread(bob)).toBe(MAILBOX_MAX_WAITING);
    const [first] = await world.lease(bob);
    await world.confirm(bob, first ? [first.message_id] : []);
    expect(await world.trySend(ann, 'bob', 'room again')).toMatchObject({ ok: true });
  });
}
