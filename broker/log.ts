/** The broker's log: JSON lines in ~/.agent-peers/broker.log, rotated. Never a message's text, never a token. */
import pino, { type Logger } from 'pino';
import { createStream, type RotatingFileStream } from 'rotating-file-stream';

export type { Logger };

const LOG_MAX = '5M';
const LOG_FILES = 3;

export interface LogFile {
  readonly log: Logger;
  /** Everything logged so far is in the file. */
  flush(): Promise<void>;
}

export function openLog(folder: string, level: string): LogFile {
  const file: RotatingFileStream = createStream('broker.log', {
    path: folder,
    size: LOG_MAX,
    rotate: LOG_FILES,
    mode: 0o600,
  });
  // a full disk must not end the broker: it goes on without a log
  file.on('error', () => {});
  const log = pino({ level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, file);
  return { log, flush: () => new Promise((resolve) => file.end(resolve)) };
}
