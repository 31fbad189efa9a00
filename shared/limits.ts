/** Every number that bounds the system, with its unit in its name. */

export const MESSAGE_MAX_BYTES = 64 * 1024;
/** A request body: one message with JSON escapes (six bytes for a control character) and its fields. */
export const BODY_MAX_BYTES = 6 * MESSAGE_MAX_BYTES + 64 * 1024;
/** Messages waiting in one mailbox, after which senders are refused. */
export const MAILBOX_MAX_WAITING = 10_000;

/** Peers that one send may name. */
export const RECIPIENTS_MAX = 1_000;

/** How long one session alone may present a message; renewed while the session is attached. */
export const LEASE_MS = 30_000;
/** Messages of one sender that one session holds leased and has not pushed: no sender's flood hides another's message. */
export const LEASED_PER_SENDER = 50;
/** Longest time a broker holds `inbox/next` before it answers with nothing. */
export const INBOX_HOLD_MS = 240_000;

/** A session whose connection dropped is still counted as live for this long, so that it can reconnect. */
export const DETACH_GRACE_MS = 2_000;
/** Unconfirmed mail of a peer without a session is listed as orphaned after this. */
export const ORPHAN_GRACE_MS = 60_000;
/** A session that did not come back within this has to register again. */
export const SESSION_EXPIRY_MS = 10 * 60_000;

/** Messages a peer may send a minute (`AGENT_PEERS_RATE_PER_MINUTE`). */
export const RATE_PER_MINUTE = 60;

/** Text that one answer of the broker carries, in characters: however much waits, one request holds nobody up. */
export const ANSWER_MAX_CHARS = 512 * 1024;

/** Messages that one tool response carries, as the model gets them: with their headings and a mark before each line. */
export const TOOL_RESPONSE_MAX_BYTES = 20 * 1024;
/** What stands around them: the block's first and last line, and how many messages follow. */
export const TOOL_RESPONSE_FRAME_BYTES = 512;
/** One message is named after a push in at most this many bytes. */
export const PUSH_NOTICE_MAX_BYTES = 200;
/** A tool response counts as taken this long after it was flushed, if the client says nothing. */
export const RESPONSE_TAKEN_MS = 5_000;
/** How long `send_message` waits to learn whether the message was pushed. */
export const RECEIPT_WAIT_MS = 250;

export const SUMMARY_MAX_CHARS = 400;
export const TAGS_MAX = 10;
export const NAME_MAX_CHARS = 32;

/** What a session says of itself when it registers; it cuts longer texts to this. */
export const REGISTRATION_MAX_CHARS = {
  name: 200,
  host: 255,
  path: 4096,
  branch: 255,
  clientName: 128,
  clientVersion: 64,
} as const;
export const CONVERSATION_ID_MAX_CHARS = 128;
