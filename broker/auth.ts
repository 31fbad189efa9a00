/** Who is calling. Tokens are looked up by their hash; the store never holds one. */
import { timingSafeEqual } from 'node:crypto';
import type { Caller } from '../shared/contract/operation.ts';
import { PeersError } from '../shared/errors.ts';
import { hashToken, machineKey } from '../shared/secret.ts';
import { superseded } from './core/superseded.ts';
import type { Actor, Call, Deps, LocalPerson } from './deps.ts';
import type { SessionRecord } from './store/sessions.ts';

/** Sessions kept at hand, so that a busy one does not cost a query with each request. */
const KNOWN_MAX = 10_000;

export class Auth {
  readonly #deps: Pick<Deps, 'store' | 'person'>;
  readonly #machineHash: Buffer;
  readonly #known = new Map<string, SessionRecord>();

  constructor(deps: Pick<Deps, 'store' | 'person' | 'secret'>) {
    this.#deps = deps;
    this.#machineHash = Buffer.from(hashToken(machineKey(deps.secret)));
  }

  /**
   * @param authorization the header as it came
   * @throws PeersError `not_authorized`, `session_stale`, `session_superseded`
   */
  async identify(caller: Caller, authorization: string | undefined, signal: () => AbortSignal): Promise<Call> {
    if (caller === 'anyone') return this.#call(undefined, undefined, signal);
    const bearer = /^Bearer (\S{1,256})$/.exec(authorization ?? '')?.[1];
    if (bearer === undefined) throw unauthorized('The request carries no Bearer value.');
    const hash = hashToken(bearer);
    if (timingSafeEqual(Buffer.from(hash), this.#machineHash)) {
      const { person } = this.#deps;
      if (caller === 'machine') return this.#call(undefined, person, signal);
      if (caller === 'session') throw unauthorized('This operation needs a session, not the machine key.');
      return this.#call({ is: 'operator', peer_id: person.peer_id, person_id: person.id }, person, signal);
    }
    if (caller === 'machine' || caller === 'operator') throw unauthorized('This operation needs the machine key.');
    const session = await this.#session(hash);
    return this.#call({ is: 'session', peer_id: session.peer_id, session }, undefined, signal);
  }

  /** The session changed: look it up again at its next call. */
  forget(session_id: string): void {
    for (const [hash, session] of this.#known) if (session.id === session_id) this.#known.delete(hash);
  }

  async #session(hash: string): Promise<SessionRecord> {
    const known = this.#known.get(hash);
    if (known) return known;
    const session = await this.#deps.store.read((u) => u.sessions.find(hash));
    if (!session) throw stale();
    if (session.ended) {
      if (session.end_reason === 'superseded') {
        throw superseded();
      }
      throw stale();
    }
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.set(hash, session);
    return session;
  }

  #call(actor: Actor | undefined, person: LocalPerson | undefined, signal: () => AbortSignal): Call {
    return {
      // made when it is first asked for: most calls are over before they could be given up
      get signal() {
        return signal();
      },
      actor: () => {
        if (!actor) throw unauthorized('This operation needs a caller.');
        return actor;
      },
      session: () => {
        if (actor?.is !== 'session') throw unauthorized('This operation needs a session.');
        return actor.session;
      },
      person: () => {
        if (!person) throw unauthorized('This operation needs the machine key.');
        return person;
      },
    };
  }
}

function unauthorized(message: string): PeersError {
  return new PeersError(
    'not_authorized',
    message,
    'Programs of this user derive the machine key from ~/.agent-peers/secret; sessions register to get a token.',
  );
}

function stale(): PeersError {
  return new PeersError(
    'session_stale',
    'This session is not known any more.',
    'Register again; the peer and its mailbox are still there.',
  );
}
