/**
 * Every error a user, an agent or another program can get from agent-peers.
 * A code is stable: it maps once to an HTTP status, to a CLI exit code and to an MCP tool error.
 */

interface ErrorKind {
  readonly status: number;
  readonly exit: number;
}

/**
 * code → HTTP status and CLI exit code.
 * Exit codes: 1 internal, 2 bad usage or input, 3 not found, 4 refused, 5 broker not reachable, 6 try again later.
 */
export const ERROR_KINDS = {
  invalid_request: { status: 400, exit: 2 },
  message_empty: { status: 400, exit: 2 },
  message_too_large: { status: 413, exit: 2 },
  body_too_large: { status: 413, exit: 2 },
  not_json: { status: 415, exit: 2 },
  invalid_name: { status: 400, exit: 2 },
  send_to_self: { status: 400, exit: 2 },
  idempotency_conflict: { status: 409, exit: 2 },
  cursor_expired: { status: 410, exit: 2 },
  no_such_operation: { status: 404, exit: 3 },
  peer_not_found: { status: 404, exit: 3 },
  message_not_found: { status: 404, exit: 3 },
  not_authorized: { status: 401, exit: 4 },
  session_stale: { status: 401, exit: 4 },
  session_superseded: { status: 409, exit: 4 },
  forbidden_host: { status: 403, exit: 4 },
  forbidden_origin: { status: 403, exit: 4 },
  not_yours: { status: 403, exit: 4 },
  name_taken: { status: 409, exit: 4 },
  mailbox_full: { status: 429, exit: 6 },
  rate_limited: { status: 429, exit: 6 },
  broker_unavailable: { status: 503, exit: 5 },
  broker_unresponsive: { status: 504, exit: 5 },
  broker_draining: { status: 503, exit: 6 },
  broker_unproven: { status: 502, exit: 5 },
  port_in_use: { status: 503, exit: 5 },
  secret_unsafe: { status: 503, exit: 4 },
  secret_missing: { status: 503, exit: 5 },
  database_damaged: { status: 503, exit: 5 },
  database_from_future: { status: 503, exit: 5 },
  database_driver_missing: { status: 503, exit: 5 },
  database_unsafe: { status: 503, exit: 4 },
  database_read_only: { status: 503, exit: 5 },
  database_gone: { status: 503, exit: 6 },
  storage_full: { status: 507, exit: 6 },
  invalid_config: { status: 500, exit: 2 },
  config_unreadable: { status: 422, exit: 4 },
  config_read_only: { status: 403, exit: 4 },
  config_conflict: { status: 409, exit: 4 },
  config_changed: { status: 409, exit: 6 },
  install_running: { status: 409, exit: 6 },
  client_not_found: { status: 404, exit: 3 },
  local_changes: { status: 409, exit: 4 },
  command_failed: { status: 500, exit: 1 },
  unhealthy: { status: 503, exit: 1 },
  cancelled: { status: 499, exit: 6 },
  internal: { status: 500, exit: 1 },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_KINDS;

/** What stands under `error` in every error answer. */
export interface ErrorBody {
  code: ErrorCode;
  message: string;
  hint: string;
  /** Seconds to wait before another try makes sense, where that is known. */
  retry_after_s?: number;
}

export class PeersError extends Error {
  override readonly name = 'PeersError';
  readonly code: ErrorCode;
  readonly hint: string;
  readonly retryAfterS: number | undefined;

  /**
   * @param code stable, see {@link ERROR_KINDS}
   * @param message what happened, in one sentence, for a person
   * @param hint what to do about it, in one sentence
   */
  constructor(code: ErrorCode, message: string, hint: string, options: { cause?: unknown; retryAfterS?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = hint;
    this.retryAfterS = options.retryAfterS;
  }

  toBody(): ErrorBody {
    return {
      code: this.code,
      message: this.message,
      hint: this.hint,
      ...(this.retryAfterS === undefined ? {} : { retry_after_s: this.retryAfterS }),
    };
  }

  static fromBody(body: ErrorBody): PeersError {
    const known: ErrorCode = Object.hasOwn(ERROR_KINDS, body.code) ? body.code : 'internal';
    return new PeersError(
      known,
      body.message,
      body.hint,
      body.retry_after_s === undefined ? {} : { retryAfterS: body.retry_after_s },
    );
  }
}

const PASSING: ReadonlySet<ErrorCode> = new Set([
  'broker_unavailable',
  'broker_unresponsive',
  'broker_draining',
  'database_gone',
]);

/** Whether the broker is only missing, silent or about to end: the same call may succeed in a moment. */
export function isPassing(thrown: unknown): thrown is PeersError {
  return thrown instanceof PeersError && PASSING.has(thrown.code);
}

/** Turns whatever was thrown into a {@link PeersError}; what is not one already becomes `internal`. */
export function toPeersError(thrown: unknown): PeersError {
  if (thrown instanceof PeersError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new PeersError(
    'internal',
    `Unexpected failure: ${message}`,
    'This is a bug in agent-peers; ~/.agent-peers/broker.log has the details.',
    { cause: thrown },
  );
}
