/** Schemas that more than one capability uses. Times are ISO 8601 in UTC. */
import * as z from 'zod';
import { MESSAGE_MAX_BYTES, NAME_MAX_CHARS } from '../limits.ts';
import type { PeerText } from '../peer-text.ts';

export const NAME_PATTERN = new RegExp(`^[a-zA-Z0-9_-]{1,${NAME_MAX_CHARS}}$`);

export const Time = z.iso.datetime();
export const Id = z.string().min(1).max(64);

export const PeerName = z.string().regex(NAME_PATTERN, `a name is 1 to ${NAME_MAX_CHARS} of a-z A-Z 0-9 _ -`);

/** A peer's id, its name, or a `#group`. */
export const PeerRef = z.string().trim().min(1).max(64);

export const PEER_KINDS = ['claude', 'codex', 'other', 'human'] as const;
export const PeerKind = z.enum(PEER_KINDS);
export type PeerKind = z.infer<typeof PeerKind>;

const PUSH_ROUTES = ['channel', 'inbox-socket', 'app-server', 'none'] as const;
export const PushRoute = z.enum(PUSH_ROUTES);
export type PushRoute = z.infer<typeof PushRoute>;

const PEER_STATUSES = ['active', 'busy', 'away', 'dnd'] as const;
export const PeerStatus = z.enum(PEER_STATUSES);
export type PeerStatus = z.infer<typeof PeerStatus>;

export const Activity = z.enum(['busy', 'idle', 'unknown']);
export type Activity = z.infer<typeof Activity>;

export const Intent = z.enum(['request', 'inform', 'ack-not-needed']);
export type Intent = z.infer<typeof Intent>;

export const Priority = z.enum(['info', 'normal', 'warning', 'critical']);
export type Priority = z.infer<typeof Priority>;

export const Scope = z.enum(['machine', 'directory', 'repo']);
export type Scope = z.infer<typeof Scope>;

/** What a peer writes or says of itself: its author gives a string, its readers get a {@link PeerText}. */
export function ofPeer(schema: z.ZodType<string, string> = z.string()): z.ZodType<PeerText, PeerText | string> {
  return schema as unknown as z.ZodType<PeerText, PeerText | string>;
}

/** Length is checked in bytes by the broker, which then answers `message_empty` or `message_too_large`. */
export const MessageText = ofPeer(z.string().max(MESSAGE_MAX_BYTES * 4));

/** How to name a peer to somebody. */
export const PeerShort = z.object({ id: Id, name: z.string(), kind: PeerKind });
export type PeerShort = z.infer<typeof PeerShort>;
