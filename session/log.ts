/** A session's log: JSON lines on standard error, which every client keeps for its user. Never a message's text, never a token. */

export interface SessionLog {
  info(what: string, facts?: Record<string, unknown>): void;
  warn(what: string, facts?: Record<string, unknown>): void;
}

export function stderrLog(write: (line: string) => void): SessionLog {
  const line =
    (level: string) =>
    (what: string, facts: Record<string, unknown> = {}) =>
      write(`${JSON.stringify({ time: new Date().toISOString(), level, msg: what, ...facts })}\n`);
  return { info: line('info'), warn: line('warn') };
}
