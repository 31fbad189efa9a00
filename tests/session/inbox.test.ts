/** What a tool response carries of what waits: bounded as the model gets it, in order, each message once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inbox } from '../../session/inbox.ts';
import { partOf, renderBatch } from '../../session/present.ts';
import { headThatFits } from '../../session/size.ts';
import type { InboxMessage, PushNote } from '../../shared/contract/types.ts';
import { MESSAGE_MAX_BYTES, TOOL_RESPONSE_FRAME_BYTES, TOOL_RESPONSE_MAX_BYTES } from '../../shared/limits.ts';
import { peerText, rawText } from '../../shared/peer-text.ts';
import { byteLength, cleanText, cutBytes } from '../../shared/text.ts';

const BOUND = TOOL_RESPONSE_MAX_BYTES + TOOL_RESPONSE_FRAME_BYTES;
const RUNS = 100;
const nothing = () => {};

interface Draft {
  readonly text: string;
  readonly sender: number;
  readonly priority: InboxMessage['priority'];
  readonly conversation: number;
}

/** The clock runs backwards: nothing may go by it. */
function message({ text, sender, priority, conversation }: Draft, seq: number): InboxMessage {
  return {
    message_id: `m${String(seq).padStart(20, '0')}`,
    seq,
    conversation_id: `c${conversation}`,
    from: { id: `p-${sender}`, name: `peer-${sender}`.padEnd(32, 'x'), kind: 'claude' },
    text: peerText(text),
    sent_at: new Date(Date.UTC(2030, 0, 1) - seq * 1000).toISOString(),
    reply_to: seq % 2 === 0 ? null : 'm'.repeat(64),
    intent: 'request',
    priority,
    redelivered: seq % 3 === 0,
  };
}

/** What a peer may send, and what grows most when it is rendered. */
const text = fc
  .tuple(
    fc.constantFrom('\n', 'a\n', '\r\n\u2028', 'x', 'ü', '🦊\n', '> ', '\u001b[31m\n', 'word '),
    fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: MESSAGE_MAX_BYTES })),
    fc.string({ unit: 'binary', maxLength: 50 }),
  )
  .map(([unit, times, more]) => cutBytes(`${more}${unit.repeat(times)}${more}`, MESSAGE_MAX_BYTES));

const draft: fc.Arbitrary<Draft> = fc.record({
  text: fc.oneof({ weight: 3, arbitrary: fc.string({ maxLength: 200 }) }, text),
  sender: fc.nat({ max: 3 }),
  priority: fc.constantFrom('normal', 'normal', 'info', 'warning', 'critical'),
  conversation: fc.nat({ max: 2 }),
});

const drafts = fc.array(draft, { minLength: 1, maxLength: 30 });

function filled(waiting: readonly Draft[]): { inbox: Inbox; messages: InboxMessage[] } {
  const inbox = new Inbox(nothing, nothing);
  const messages = waiting.map(message);
  inbox.add(messages);
  return { inbox, messages };
}

function ids(messages: readonly InboxMessage[]): string[] {
  return messages.map(({ message_id }) => message_id);
}

describe('a tool response', () => {
  it('is never larger than its bound, and the next ones bring the rest: every message once', () => {
    fc.assert(
      fc.property(drafts, fc.array(fc.nat({ max: 30 })), fc.boolean(), (waiting, pushed, asked) => {
        const { inbox, messages } = filled(waiting);
        for (const index of pushed) {
          const id = messages[index]?.message_id ?? '';
          if (inbox.beginPush(id, 'channel')) inbox.endPush(id, 'handed');
        }
        const shown: string[] = [];
        for (;;) {
          const batch = inbox.take(asked ? { notices: 20 } : {});
          const block = renderBatch(batch);
          expect(byteLength(block)).toBeLessThanOrEqual(BOUND);
          if (batch.messages.length + batch.notices.length === 0) {
            expect(block).toBe('');
            break;
          }
          shown.push(...ids(batch.messages), ...ids(batch.notices));
          for (const id of [...ids(batch.messages), ...ids(batch.notices)]) expect(block).toContain(id);
        }
        expect([...shown].sort()).toEqual(ids(messages));
      }),
      { numRuns: RUNS },
    );
  });

  it('that shows one message, whole or in parts, leaves no more than the rest of the room to others', () => {
    fc.assert(
      fc.property(drafts, text, fc.nat({ max: MESSAGE_MAX_BYTES }), (waiting, read, offset) => {
        const { inbox } = filled(waiting);
        const { rendered } = partOf(
          message({ ...(waiting[0] as Draft), text: read }, 99),
          offset,
          TOOL_RESPONSE_MAX_BYTES,
        );
        const block = renderBatch(inbox.take({ used: byteLength(rendered) }));
        expect(byteLength(rendered) + byteLength(block)).toBeLessThanOrEqual(BOUND);
      }),
      { numRuns: RUNS },
    );
  });

  it('by a hook that carries less keeps its own bound', () => {
    fc.assert(
      fc.property(drafts, (waiting) => {
        const { inbox } = filled(waiting);
        const batch = inbox.takeForHook(() => true, 8 * 1024);
        expect(batch.messages.length).toBeGreaterThan(0);
        expect(byteLength(renderBatch(batch))).toBeLessThanOrEqual(8 * 1024 + TOOL_RESPONSE_FRAME_BYTES);
      }),
      { numRuns: RUNS },
    );
  });
});

describe('a message that is too long for one response', () => {
  it('can be read to its end in parts, each within the bound', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 2_048, max: TOOL_RESPONSE_MAX_BYTES }), (whole, maxBytes) => {
        const long = message({ text: whole, sender: 0, priority: 'normal', conversation: 0 }, 1);
        let read = '';
        for (let offset: number | null = 0; offset !== null; ) {
          const part = partOf(long, offset, maxBytes);
          expect(byteLength(part.rendered)).toBeLessThanOrEqual(maxBytes);
          read += part.text;
          offset = part.next;
        }
        expect(read).toBe(cleanText(whole));
      }),
      { numRuns: RUNS },
    );
  });

  it('is cut as late as possible, and never within a character', () => {
    const render = (head: string) => `[${head.replaceAll('\n', '\n> ')}]`;
    expect(headThatFits('abcdef', 6, render)).toBe('abcd');
    expect(headThatFits('abc', 6, render)).toBe('abc');
    expect(headThatFits('a\nb\nc', 7, render)).toBe('a\nb');
    expect(headThatFits('🦊🦊', 9, render)).toBe('🦊');
    expect(headThatFits('', 6, render)).toBe('');
  });
});

describe('the order', () => {
  it("of one sender's messages is the order of their arrival, whatever their times say, over any number of responses", () => {
    fc.assert(
      fc.property(fc.array(drafts, { minLength: 1, maxLength: 4 }), fc.nat({ max: 3 }), (batches, takes) => {
        const inbox = new Inbox(nothing, nothing);
        const shown: InboxMessage[] = [];
        let seq = 0;
        for (const batch of batches) {
          const arriving = batch.map((each) => {
            seq += 1;
            return message(each, seq);
          });
          // the broker hands them out in turns; only within a sender are they in order
          inbox.add(arriving.sort((a, b) => a.from.id.localeCompare(b.from.id) || a.seq - b.seq));
          for (let i = 0; i < takes; i += 1) shown.push(...inbox.take().messages);
        }
        for (let batch = inbox.take(); batch.messages.length > 0; batch = inbox.take()) shown.push(...batch.messages);
        expect(shown).toHaveLength(seq);
        for (const sender of new Set(shown.map(({ from }) => from.id))) {
          const own = shown.filter(({ from, priority }) => from.id === sender && priority !== 'critical');
          expect(own.map((each) => each.seq)).toEqual(own.map((each) => each.seq).sort((a, b) => a - b));
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('puts what a tool call waited for first, whatever else waits, then what is critical', () => {
    fc.assert(
      fc.property(drafts, fc.nat({ max: 3 }), (waiting, sender) => {
        const { inbox, messages } = filled(waiting);
        const awaited = ({ from }: InboxMessage) => from.id === `p-${sender}`;
        const batch = inbox.take({ awaited });
        if (!messages.some(awaited)) return;
        const [first, ...others] = batch.messages;
        expect(first && awaited(first)).toBe(true);
        const critical = others.map(({ priority }) => priority === 'critical');
        expect(critical).toEqual([...critical].sort((a, b) => Number(b) - Number(a)));
      }),
      { numRuns: RUNS },
    );
  });
});

describe('what was pushed', () => {
  const pushedInbox = (count: number) => {
    const made = filled(
      Array.from({ length: count }, (_, i) => ({
        text: `text ${i}`,
        sender: i % 2,
        priority: 'normal',
        conversation: 0,
      })),
    );
    for (const { message_id } of made.messages) {
      made.inbox.beginPush(message_id, 'channel');
      made.inbox.endPush(message_id, 'handed');
    }
    return made;
  };

  it('is named by its newest few and counted, and all of it is named in the end', () => {
    const { inbox, messages } = pushedInbox(500);
    const batch = inbox.take();
    expect(ids(batch.notices)).toEqual(ids(messages.slice(-5)));
    const block = renderBatch(batch);
    expect(block).toContain('(495 more were pushed to you; they follow with your next agent-peers calls)');
    expect(byteLength(block)).toBeLessThan(1_500);
    const named = ids(batch.notices);
    for (let next = inbox.take({ notices: 20 }); next.notices.length > 0; next = inbox.take({ notices: 20 })) {
      named.push(...ids(next.notices));
    }
    expect(named.sort()).toEqual(ids(messages));
  });

  it('is kept only as far as its line needs: thousands of long ones cost little', () => {
    const { inbox, messages } = filled([
      { text: `begins ${'x'.repeat(MESSAGE_MAX_BYTES - 10)}`, sender: 0, priority: 'normal', conversation: 0 },
    ]);
    const id = messages[0]?.message_id ?? '';
    inbox.beginPush(id, 'channel');
    inbox.endPush(id, 'handed');
    const batch = inbox.take();
    expect(byteLength(rawText(batch.notices[0]?.text ?? peerText('')))).toBeLessThan(2_048);
    expect(renderBatch(batch)).toContain(': begins xxx');
  });

  it('is named first where a tool call waited for it', () => {
    const { inbox, messages } = pushedInbox(100);
    const awaited = ({ message_id }: InboxMessage) => message_id === messages[7]?.message_id;
    expect(inbox.has(awaited)).toBe(true);
    expect(ids(inbox.take({ awaited }).notices)).toContain(messages[7]?.message_id);
  });

  it('is noted again where it comes again: the broker has forgotten the push', () => {
    const notes: PushNote[] = [];
    const inbox = new Inbox(nothing, (note) => notes.push(note));
    const messages = Array.from({ length: 5 }, (_, i) =>
      message({ text: `text ${i}`, sender: 0, priority: 'normal', conversation: 0 }, i),
    );
    const [handed = '', named = '', failed = '', pushing = '', confirmed = ''] = ids(messages);
    inbox.add(messages);
    for (const id of [named, handed, failed, pushing, confirmed]) {
      inbox.beginPush(id, id === handed ? 'inbox-socket' : 'channel');
    }
    inbox.endPush(named, 'handed');
    expect(ids(inbox.take().notices)).toEqual([named]);
    inbox.endPush(handed, 'handed');
    inbox.endPush(failed, 'failed');
    inbox.endPush(confirmed, 'handed');
    inbox.settle([confirmed], 'client');
    expect(inbox.add(messages)).toEqual([]);
    expect(notes).toEqual([
      { message_ids: [handed], route: 'inbox-socket' },
      { message_ids: [named], route: 'channel' },
    ]);
  });

  it('ends a wait that began while it was on its way, also when the push fails', () => {
    const { inbox, messages } = filled([{ text: 'hello', sender: 0, priority: 'normal', conversation: 0 }]);
    const id = messages[0]?.message_id ?? '';
    for (const outcome of ['failed', 'handed'] as const) {
      expect(inbox.beginPush(id, 'channel')).toBe(true);
      expect(inbox.has(() => true)).toBe(false);
      let woken = 0;
      const stop = inbox.onArrival(() => {
        woken += 1;
      });
      inbox.endPush(id, outcome);
      stop();
      expect([woken, inbox.has(() => true)]).toEqual([1, true]);
    }
  });
});
