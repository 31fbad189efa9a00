/** What a session tells of itself always fits the contract, and is left alone where it did. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { conversationOf } from '../../session/identity.ts';
import { fitPlace, fitRegistration } from '../../session/registration.ts';
import { operations } from '../../shared/contract/index.ts';
import { Conversation } from '../../shared/contract/sessions.ts';

const schema = operations.registerSession.request;

/** Short ones, and ones far beyond any limit, of characters of one and two units. */
const text = fc
  .tuple(fc.string({ unit: 'binary', maxLength: 30 }), fc.constantFrom(1, 1, 50, 5_000))
  .map(([some, times]) => some.repeat(times));
const kind = fc.constantFrom('claude', 'codex', 'other');

const registration = fc.record({
  kind,
  name: text,
  process: fc.uuid(),
  pid: fc.nat(),
  host: text,
  cwd: text,
  repo: text,
  branch: text,
  client: fc.record({ name: text, version: text }),
  push_route: fc.constant('none' as const),
});

it('any place and any client', () => {
  fc.assert(
    fc.property(registration, (said) => {
      const fits = fitRegistration(said);
      expect(schema.safeParse(fits).error).toBeUndefined();
      if (schema.safeParse(said).success) expect(fits).toEqual(said);
      expect(operations.reportSession.request.safeParse(fitPlace(said)).success).toBe(true);
    }),
  );
});

it('of a path that is too long the end, of other texts the beginning, and no half of a character', () => {
  const long = fitRegistration({
    kind: 'other',
    process: 'a process',
    pid: 1,
    host: 'h'.repeat(300),
    cwd: `/start/${'d/'.repeat(4_000)}end`,
    repo: '',
    branch: `x${'🦊'.repeat(300)}`,
    client: { name: 'n'.repeat(300), version: '1' },
    push_route: 'none',
  });
  expect(long.cwd).toMatch(/^[d/]+end$/);
  expect(long.branch).toMatch(/^x🦊+$/u);
  expect(long.host).toBe('h'.repeat(255));
});

it('any conversation, and two never become one', () => {
  fc.assert(
    fc.property(kind, text, text, text, (client, name, one, other) => {
      fc.pre(one !== '' && other !== '');
      const ids = [conversationOf(client, name, one), conversationOf(client, name, other)];
      for (const id of ids) expect(Conversation.safeParse(id).success).toBe(true);
      expect(ids[0]?.id === ids[1]?.id).toBe(one === other);
    }),
  );
});
